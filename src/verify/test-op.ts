// testOp(): checks a custom op against its record: shapes, values, every kernel variant, gradients.

import { CpuDevice } from '../backends/cpu/cpu-device.ts';
import type { Device } from '../backends/device.ts';
import { isFloat, type TensorData, type TypedArray } from '../core/dtype.ts';
import { formatShape, sameShape, type Shape } from '../core/shape.ts';
import { formatSpec, Input, spec, Tensor, type TensorSpec } from '../core/tensor.ts';
import { tensor, type NestedValues } from '../ops/elementwise/creation.ts';
import { mul } from '../ops/elementwise/binary.ts';
import { compile } from '../runtime/compile.ts';
import { inputsOf, type Values, type VerifyCase } from './case.ts';
import { deviation } from './compare.ts';
import { checkGradients, randomConstant } from './finite-differences.ts';
import { f16Tolerance, units, type Tolerance } from './tolerances.ts';
import { verifyAll } from './verify.ts';

/** An input with given values. */
export function given(values: NestedValues | TypedArray, options?: Parameters<typeof tensor>[1]): Values {
  const { shape, dtype, data } = tensor(values, options);
  let at = 0;
  return { shape, dtype, next: () => data[at++ % data.length] };
}

/** A call of the op, and its expected result. */
export interface OpTestCase extends VerifyCase {
  /** The expected shape of the (first) output. */
  readonly shape?: Shape;
  /** The expected values of the (first) output, for `given` inputs. */
  readonly expected?: NestedValues;
}

/** A call that the op must reject. */
export interface RefusedCall {
  readonly inputs: readonly TensorSpec[];
  call(inputs: readonly Tensor[]): unknown;
  /** What the error message must contain, besides the op's name. */
  readonly says?: string;
}

export interface OpTestOptions {
  /** The device for kernels. On the CPU reference only shapes, values and gradients are checked. */
  readonly device: Device;
  /** Tolerance in f32 of the GPU against the CPU reference, and of that against `expected` (default 1e-5, absolute and relative). */
  readonly tolerance?: Tolerance;
  readonly refuses?: readonly RefusedCall[];
  /** False if the gradient is not differentiable. */
  readonly secondDerivative?: boolean;
}

/** The result of testOp(). */
export interface OpTestReport {
  /** The kernel variants that ran; empty on the CPU reference. */
  readonly variants: readonly string[];
  /** The number of compared tensors and gradients. */
  readonly comparisons: number;
}

/** An op failed testOp(); the message has one line per problem. */
export class OpTestError extends Error {
  readonly problems: readonly string[];

  constructor(op: string, problems: readonly string[]) {
    super(`${op} failed its checks:\n  ${problems.join('\n  ')}`);
    this.name = 'OpTestError';
    this.problems = problems;
  }
}

/**
 * Checks an op: its shape rule, the CPU reference against expected values, every kernel variant on `device` against the CPU
 * reference in each of a case's dtypes, and first and second derivatives against finite differences.
 * @throws an OpTestError with all problems.
 */
export async function testOp(
  op: string,
  cases: readonly OpTestCase[],
  { device, tolerance = { absolute: 1e-5, relative: 1e-5 }, refuses = [], secondDerivative = true }: OpTestOptions,
): Promise<OpTestReport> {
  if (cases.length === 0) throw new Error(`testOp: ${op} has no cases.`);
  const problems = refuses.flatMap((one) => acceptedBy(op, one));
  let comparisons = refuses.length;
  for (const one of cases) {
    const found = await resultProblems(one, tolerance);
    if (!found.some((problem) => problem !== null)) found.push(...(await gradientProblems(one, secondDerivative)));
    comparisons += found.length;
    problems.push(...found.flatMap((problem) => (problem === null ? [] : [`${one.name}: ${problem}`])));
  }
  // Without a correct reference, comparing kernels is pointless.
  if (problems.length > 0) throw new OpTestError(op, problems);
  const variants = new Set<string>();
  if (device.capabilities) {
    const rows = await verifyAll(device, {
      cases: { [op]: cases },
      tolerance: (dtype) => (dtype === 'f16' ? f16Tolerance : tolerance),
    });
    comparisons += rows.length;
    for (const row of rows) {
      variants.add(row.variant);
      if (row.problem) problems.push(`${row.case}, ${row.variant}, ${row.dtype} ${row.direction}: ${row.problem}`);
    }
  }
  if (problems.length > 0) throw new OpTestError(op, problems);
  return { variants: [...variants], comparisons };
}

const outputsOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  result instanceof Tensor ? [result] : result;

/** The problems with a call that should be rejected: it is accepted, or the message lacks something. */
function acceptedBy(op: string, { inputs, call, says }: RefusedCall): string[] {
  const shapes = inputs.map(formatSpec).join(', ');
  try {
    call(inputs.map((one, i) => new Input(`in${i}`, one)));
    return [`accepts ${shapes}, which it should reject`];
  } catch (error) {
    const missing = [op, says ?? ''].filter((part) => !(error as Error).message.includes(part));
    return missing.map((part) => `rejects ${shapes}, but the message lacks "${part}": ${(error as Error).message}`);
  }
}

/** Compares shape and values on the CPU; for each comparison the problem, or null. */
async function resultProblems(one: OpTestCase, tolerance: Tolerance): Promise<(string | null)[]> {
  const inputs = inputsOf(one, 'f32');
  const symbolic = outputsOf(one.call(inputs.map((input, i) => new Input(`in${i}`, input))));
  const wrong = symbolic.find(({ shape }) => !shape.every((size) => Number.isSafeInteger(size) && size >= 0));
  if (wrong) return [`the shape rule gives ${formatShape(wrong.shape)}, but sizes must be integers of at least 0`];
  const found: (string | null)[] = [null];
  if (one.shape) {
    const is = formatShape(symbolic[0].shape);
    found.push(
      sameShape(symbolic[0].shape, one.shape) ? null : `the shape is ${is}, expected ${formatShape(one.shape)}`,
    );
  }
  const result = await firstOutput(one, inputs);
  if (one.expected !== undefined) {
    const { shape, dtype, data } = tensor(one.expected, { dtype: result.dtype });
    const { problem } = deviation(result, { shape, dtype, data }, isFloat(dtype) ? tolerance : units(0));
    found.push(problem === null ? null : `on the CPU ${problem}`);
  }
  return found;
}

/** The first output on the CPU reference. */
async function firstOutput(one: OpTestCase, inputs: readonly TensorData[]): Promise<TensorData> {
  const named = <T>(values: (input: TensorData) => T) =>
    Object.fromEntries(inputs.map((input, i) => [`in${i}`, values(input)]));
  const build = (tensors: Record<string, Tensor>) => outputsOf(one.call(inputs.map((_, i) => tensors[`in${i}`])))[0];
  const specs = named(({ shape, dtype }) => spec(shape, dtype));
  const program = await compile(new CpuDevice(), build, specs);
  return program.run(named(({ data }) => data));
}

/** Checks the gradients of the float inputs; for each comparison the problem, or null. */
async function gradientProblems(one: OpTestCase, secondDerivative: boolean): Promise<(string | null)[]> {
  if (one.backward === false) return [];
  const inputs = inputsOf(one, 'f32');
  const wanted = [...inputs.keys()].filter((i) => isFloat(inputs[i].dtype));
  const terms = (tensors: readonly Tensor[]) =>
    outputsOf(one.call(tensors))
      .filter(({ dtype }) => isFloat(dtype))
      .map((out, i) => mul(out, randomConstant(out.shape, 200 + i)));
  const found: (string | null)[] = [];
  for (const order of secondDerivative ? ([1, 2] as const) : ([1] as const)) {
    try {
      const checks = await checkGradients(terms, inputs, wanted, order);
      found.push(...checks.map(({ problem }) => (problem === null ? null : `derivative ${order}: ${problem}`)));
    } catch (error) {
      found.push(`derivative ${order}: ${(error as Error).message}`);
    }
  }
  return found;
}
