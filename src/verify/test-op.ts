// testOp(): checks an op that somebody wrote, in all that its record says: shapes, values, every kernel variant, gradients.

import { CpuDevice } from '../backends/cpu/cpu-device.ts';
import type { Device } from '../backends/device.ts';
import { isFloat, type TensorData, type TypedArray } from '../core/dtype.ts';
import { formatShape, sameShape, type Shape } from '../core/shape.ts';
import { Input, spec, Tensor, type TensorSpec } from '../core/tensor.ts';
import { tensor, type NestedValues } from '../ops/elementwise/creation.ts';
import { mul } from '../ops/elementwise/binary.ts';
import { compile } from '../runtime/compile.ts';
import { inputsOf, type Values, type VerifyCase } from './case.ts';
import { deviation } from './compare.ts';
import { checkGradients, randomConstant } from './finite-differences.ts';
import { f16Tolerance, units, type Tolerance } from './tolerances.ts';
import { verifyAll } from './verify.ts';

/** An input of given values. */
export function given(values: NestedValues | TypedArray, options?: Parameters<typeof tensor>[1]): Values {
  const { shape, dtype, data } = tensor(values, options);
  let at = 0;
  return { shape, dtype, next: () => data[at++ % data.length] };
}

/** A call of the op, and what is known of its result. */
export interface OpTestCase extends VerifyCase {
  /** The right shape of the (first) output. */
  readonly shape?: Shape;
  /** The right values of the (first) output, for inputs that are `given`. */
  readonly expected?: NestedValues;
}

/** A call that the op must refuse. */
export interface RefusedCall {
  readonly inputs: readonly TensorSpec[];
  call(inputs: readonly Tensor[]): unknown;
  /** What the error must say, besides the op's name. */
  readonly says?: string;
}

export interface OpTestOptions {
  /** Where kernels run. On the CPU reference only shapes, values and gradients are checked. */
  readonly device: Device;
  /** How far a GPU may be from the CPU reference, and that from `expected`, in f32: 1e-5 by default, absolute and relative. */
  readonly tolerance?: Tolerance;
  readonly refuses?: readonly RefusedCall[];
  /** False for an op whose gradient has no gradient. */
  readonly secondDerivative?: boolean;
}

/** What testOp() has compared. */
export interface OpTestReport {
  /** The kernel variants that ran; none on the CPU reference. */
  readonly variants: readonly string[];
  /** Tensors that were compared, and gradients. */
  readonly comparisons: number;
}

/** An op does not hold what its record says: everything that was found, a line each. */
export class OpTestError extends Error {
  readonly problems: readonly string[];

  constructor(op: string, problems: readonly string[]) {
    super(`${op} is wrong:\n  ${problems.join('\n  ')}`);
    this.name = 'OpTestError';
    this.problems = problems;
  }
}

/**
 * Checks an op: its shape rule, the CPU reference against values that are known, every kernel variant on `device` against the
 * CPU reference, in each type that a case names, and gradients against finite differences, up to the second derivative.
 * @throws an OpTestError with all that is wrong.
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
  // What the reference gets wrong, kernels cannot get right.
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

/** What is wrong when a call is not refused, or not in the right words. */
function acceptedBy(op: string, { inputs, call, says }: RefusedCall): string[] {
  const shapes = inputs.map(({ dtype, shape }) => `${dtype}${formatShape(shape)}`).join(', ');
  try {
    call(inputs.map((one, i) => new Input(`in${i}`, one)));
    return [`takes ${shapes}, which it should refuse`];
  } catch (error) {
    const missing = [op, says ?? ''].filter((part) => !(error as Error).message.includes(part));
    return missing.map((part) => `refuses ${shapes} without saying "${part}": ${(error as Error).message}`);
  }
}

/** Shape and values on the CPU: for each comparison what is wrong, or null. */
async function resultProblems(one: OpTestCase, tolerance: Tolerance): Promise<(string | null)[]> {
  const inputs = inputsOf(one, 'f32');
  const symbolic = outputsOf(one.call(inputs.map((input, i) => new Input(`in${i}`, input))));
  const wrong = symbolic.find(({ shape }) => !shape.every((size) => Number.isSafeInteger(size) && size >= 0));
  if (wrong) return [`the shape rule gives ${formatShape(wrong.shape)}; sizes are integers of at least 0`];
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

/** The first output, computed by the CPU reference. */
async function firstOutput(one: OpTestCase, inputs: readonly TensorData[]): Promise<TensorData> {
  const named = <T>(values: (input: TensorData) => T) =>
    Object.fromEntries(inputs.map((input, i) => [`in${i}`, values(input)]));
  const build = (tensors: Record<string, Tensor>) => outputsOf(one.call(inputs.map((_, i) => tensors[`in${i}`])))[0];
  const specs = named(({ shape, dtype }) => spec(shape, dtype));
  const program = await compile(new CpuDevice(), build, specs);
  return program.run(named(({ data }) => data));
}

/** Gradients of the float inputs: for each comparison what is wrong, or null. */
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
