// Checks gradients, and gradients of gradients, against finite differences in float64.

import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { TypedArray } from '../../src/core/dtype.ts';
import { RandomSource } from '../../src/core/random.ts';
import { sizeOf, type Shape } from '../../src/core/shape.ts';
import { Constant, spec, type Tensor } from '../../src/core/tensor.ts';
import { abs } from '../../src/ops/elementwise/unary.ts';
import { add, div, mul, sub } from '../../src/ops/elementwise/binary.ts';
import { sum } from '../../src/ops/reductions/reduce.ts';
import { compile } from '../../src/runtime/compile.ts';
import { recordError } from './compare.ts';
import type { OpCase } from './fixtures.ts';
import { finiteDifferences } from '../../src/verify/tolerances.ts';

/** Small enough that its fourth power vanishes beside the rounding of f32 constants, large enough for float64. */
const STEP = 2 ** -10;

/** A tensor of fixed random numbers in (-1, 1). */
function randomConstant(shape: Shape, stream: number): Tensor {
  const random = new RandomSource(1, stream);
  return new Constant(
    shape,
    'f32',
    Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-1, 1)),
  );
}

/**
 * For each input of `one` with a gradient, the derivative of `f` along a random direction, by central differences of
 * fourth order, compared with the gradient. Order 2 does the same with a weighted sum of the gradients in place of `f`.
 * All is computed inside one program in float64, of which only the error is read back. Returns what is wrong.
 */
export async function finiteDifferenceErrors(
  op: string,
  f: (inputs: readonly Tensor[]) => Tensor,
  one: OpCase,
  order: 1 | 2,
): Promise<string[]> {
  const cotangent = new Constant(one.cotangent!.shape, 'f32', one.cotangent!.data);
  const wanted = [...one.inputs.keys()].filter((i) => one.gradients[i]);
  const pick = (tensors: readonly Tensor[]) => wanted.map((i) => tensors[i]);
  const total = (terms: readonly Tensor[]) => terms.map((term) => sum(term)).reduce((a, b) => add(a, b));
  /** What is added up to the one number that is differentiated. */
  const first = (inputs: readonly Tensor[]) => [mul(f(inputs), cotangent)];
  const second = (inputs: readonly Tensor[]) =>
    grad(total(first(inputs)), pick(inputs)).map((g, at) => mul(g, randomConstant(g.shape, 100 + at)));
  const terms = order === 1 ? first : second;

  const names = one.inputs.map((_, i) => `in${i}`);
  const specs = Object.fromEntries(names.map((name, i) => [name, spec(one.inputs[i].shape, one.inputs[i].dtype)]));
  const build = (tensors: Record<string, Tensor>) => {
    const inputs = names.map((name) => tensors[name]);
    const gradients = grad(total(terms(inputs)), pick(inputs));
    const results = wanted.flatMap((i, at) => {
      const direction = randomConstant(one.inputs[i].shape, i);
      const moved = (steps: number) =>
        total(terms(inputs.map((x, k) => (k === i ? add(x, mul(direction, steps * STEP)) : x))));
      const near = mul(sub(moved(1), moved(-1)), 8);
      const difference = div(sub(near, sub(moved(2), moved(-2))), 12 * STEP);
      const along = mul(gradients[at], direction);
      return [[`error${i}`, sub(difference, sum(along))] as const, [`scale${i}`, sum(abs(along))] as const];
    });
    return Object.fromEntries([...results, ['magnitude', total(terms(inputs).map(abs))]]) as Record<string, Tensor>;
  };
  const program = await compile(new CpuDevice({ float64: true }), build, specs);
  const values: Record<string, TypedArray> = Object.fromEntries(names.map((name, i) => [name, one.inputs[i].data]));
  const results = await program.run(values);
  return wanted.flatMap((i) => {
    const [error, scale] = [results[`error${i}`].data[0], results[`scale${i}`].data[0]];
    const rounding = (2 ** -52 * results.magnitude.data[0]) / STEP;
    const allowed = finiteDifferences.absolute + finiteDifferences.relative * scale + rounding;
    const ok = recordError(`${op} finiteDifferences ${order}`, Math.abs(error) / allowed);
    return ok ? [] : [`the gradient of input ${i} is off by ${error} along a direction where it is ${scale}`];
  });
}
