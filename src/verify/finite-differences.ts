// Checks first and second derivatives against finite differences in float64.

import { grad } from '../autograd/grad.ts';
import { CpuDevice } from '../backends/cpu/cpu-device.ts';
import type { TensorData, TypedArray } from '../core/dtype.ts';
import { RandomSource } from '../core/random.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import { Constant, spec, type Tensor } from '../core/tensor.ts';
import { add, div, mul, sub } from '../ops/elementwise/binary.ts';
import { abs } from '../ops/elementwise/unary.ts';
import { sum } from '../ops/reductions/reduce.ts';
import { compile } from '../runtime/compile.ts';
import { finiteDifferences } from './tolerances.ts';

/** Small enough that its fourth power is below the rounding of f32 constants, large enough for float64. */
const STEP = 2 ** -10;

/** A constant tensor of random numbers in (-1, 1). */
export function randomConstant(shape: Shape, stream: number): Tensor {
  const random = new RandomSource(1, stream);
  const data = Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-1, 1));
  return new Constant(shape, 'f32', data);
}

/** The check of one input's gradient. */
export interface GradientCheck {
  /** The input's index. */
  readonly input: number;
  /** The ratio of error to tolerance: above 1 the gradient is wrong. */
  readonly part: number;
  /** A description of the failure, or null. */
  readonly problem: string | null;
}

/**
 * For each input in `wanted`, compares the gradient of the sum of `terms` along a random direction with fourth-order central
 * differences. Order 2 does the same for a weighted sum of the gradients. Everything is computed in one float64 program that
 * returns only the errors.
 */
export async function checkGradients(
  terms: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly TensorData[],
  wanted: readonly number[],
  order: 1 | 2,
): Promise<GradientCheck[]> {
  const total = (all: readonly Tensor[]) => all.map((term) => sum(term)).reduce((a, b) => add(a, b));
  const pick = (tensors: readonly Tensor[]) => wanted.map((i) => tensors[i]);
  /** The terms of the scalar to differentiate. */
  const summed =
    order === 1
      ? terms
      : (x: readonly Tensor[]) =>
          grad(total(terms(x)), pick(x)).map((g, at) => mul(g, randomConstant(g.shape, 100 + at)));

  const names = inputs.map((_, i) => `in${i}`);
  const build = (tensors: Record<string, Tensor>) => {
    const at0 = names.map((name) => tensors[name]);
    const gradients = grad(total(summed(at0)), pick(at0));
    const results = wanted.flatMap((i, at) => {
      const direction = randomConstant(inputs[i].shape, i);
      const moved = (steps: number) =>
        total(summed(at0.map((x, k) => (k === i ? add(x, mul(direction, steps * STEP)) : x))));
      const near = mul(sub(moved(1), moved(-1)), 8);
      const difference = div(sub(near, sub(moved(2), moved(-2))), 12 * STEP);
      const along = mul(gradients[at], direction);
      return [[`error${i}`, sub(difference, sum(along))] as const, [`scale${i}`, sum(abs(along))] as const];
    });
    return Object.fromEntries([...results, ['magnitude', total(summed(at0).map(abs))]]) as Record<string, Tensor>;
  };
  const specs = Object.fromEntries(names.map((name, i) => [name, spec(inputs[i].shape, inputs[i].dtype)]));
  const program = await compile(new CpuDevice({ float64: true }), build, specs);
  const values: Record<string, TypedArray> = Object.fromEntries(names.map((name, i) => [name, inputs[i].data]));
  const results = await program.run(values);
  return wanted.map((input): GradientCheck => {
    const [error, scale] = [results[`error${input}`].data[0], results[`scale${input}`].data[0]];
    const rounding = (2 ** -52 * results.magnitude.data[0]) / STEP;
    const allowed = finiteDifferences.absolute + finiteDifferences.relative * scale + rounding;
    const part = Math.abs(error) / allowed;
    const problem = `the gradient of input ${input} is off by ${error} along a direction where it is ${scale}`;
    return { input, part, problem: part <= 1 ? null : problem };
  });
}
