// verify(): compares every op × case × kernel variant × dtype × direction on a device with the CPU reference.

import { CpuDevice } from '../backends/cpu/cpu-device.ts';
import { DeviceLostError, type Device } from '../backends/device.ts';
import { isFloat, type DType, type TensorData, type TypedArray } from '../core/dtype.ts';
import type { Capabilities } from '../core/kernel.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';
import { compile } from '../runtime/compile.ts';
import type { OnProgram } from '../runtime/profile.ts';
import { typeOf, type CaseTable, type VerifyCase } from './case.ts';
import { verifyCases } from './cases/index.ts';
import { deviation } from './compare.ts';
import { toleranceOf, units, type Tolerance } from './tolerances.ts';
import { directionOf, nodesOf, traceCase, variantCount, variantLabel, type Direction } from './trace-case.ts';
import { variantAt, variantNames } from './variants.ts';

/** One comparison. Errors and tolerances are |actual − expected| / (1 + |expected|), for the worst element. */
export interface VerifyRow {
  readonly op: string;
  readonly case: string;
  /** The kernel variants; see `variantLabel`. */
  readonly variant: string;
  readonly dtype: DType;
  readonly direction: Direction;
  /** Infinity if nothing was computed, or for an unexpected NaN or infinity. */
  readonly maxError: number;
  readonly tolerance: number;
  readonly ok: boolean;
  /** What is wrong, if not ok. */
  readonly problem?: string;
}

/** Progress: groups of comparisons done, the total, and the next op. */
export type VerifyProgress = (done: number, total: number, op: string) => void;

export interface VerifyOptions {
  /** Names of ops (default all). */
  readonly ops?: readonly string[];
  readonly cases?: CaseTable;
  /** The tolerance for floats of a dtype; by default the op's own. */
  readonly tolerance?: (dtype: DType) => Tolerance;
  readonly onProgress?: VerifyProgress;
  /** Called with each program that ran on the device: all cases of an op and dtype with a variant index. */
  readonly onProgram?: OnProgram;
}

/** A case with its f32 inputs as one dtype. */
interface Run {
  readonly name: string;
  readonly one: VerifyCase;
  readonly dtype: DType;
  readonly variants: number;
}

/** Cases that share a program: those of one op and dtype that have a variant `index`. */
interface Group {
  readonly op: string;
  readonly dtype: DType;
  readonly index: number;
  readonly runs: readonly Run[];
}

/**
 * Compares `device` with the CPU reference and yields a row for each op × case × variant × dtype × direction. What the device
 * cannot compile or run becomes a row that is not ok.
 * @throws a DeviceLostError; an Error for an op without cases.
 */
export async function* verify(device: Device, options: VerifyOptions = {}): AsyncGenerator<VerifyRow> {
  const { cases = verifyCases, ops = Object.keys(cases), tolerance, onProgress, onProgram } = options;
  const { capabilities } = device;
  if (!capabilities) throw new Error('verify: this device is the CPU reference itself; open a GPU.');
  const unknown = ops.find((op) => !(op in cases));
  if (unknown !== undefined) throw new Error(`verify: there are no cases for "${unknown}".`);
  const groups = ops.flatMap((op) => groupsOf(op, cases[op], capabilities));
  const expected = new Map<Run, Record<string, TensorData>>();
  for (const [done, group] of groups.entries()) {
    onProgress?.(done, groups.length, group.op);
    if (group.index === 0) {
      expected.clear();
      for (const run of group.runs) expected.set(run, await execute(new CpuDevice(), [run], 0).then(([own]) => own));
    }
    const actual = await executeEach(device, group, onProgram);
    for (const [i, run] of group.runs.entries()) {
      yield* rowsOf(group, run, actual[i], expected.get(run)!, capabilities, tolerance);
    }
  }
  onProgress?.(groups.length, groups.length, '');
}

/** All rows of verify(). */
export async function verifyAll(device: Device, options: VerifyOptions = {}): Promise<VerifyRow[]> {
  const rows: VerifyRow[] = [];
  for await (const row of verify(device, options)) rows.push(row);
  return rows;
}

/** The dtypes of a case that the device supports. */
function dtypesOf(one: VerifyCase, { f16 }: Pick<Capabilities, 'f16'>): readonly DType[] {
  if (!one.inputs.some(({ dtype }) => dtype === 'f32')) return ['f32'];
  const dtypes = one.dtypes ?? ['f32', ...(takesF16(one) ? (['f16'] as const) : [])];
  return dtypes.filter((dtype) => dtype !== 'f16' || f16);
}

/** False if the op rejects f16. */
function takesF16(one: VerifyCase): boolean {
  try {
    traceCase(one, 'f16');
    return true;
  } catch (error) {
    if ((error as Error).message.includes('f16')) return false;
    throw error;
  }
}

/** The groups of an op, in the order in which they run. */
export function groupsOf(op: string, cases: readonly VerifyCase[], capabilities: Capabilities): Group[] {
  const runs = cases.flatMap((one) =>
    dtypesOf(one, capabilities).map((dtype): Run => {
      const variants = variantCount(traceCase(one, dtype), capabilities);
      return { name: one.name, one, dtype, variants };
    }),
  );
  return [...new Set(runs.map(({ dtype }) => dtype))].flatMap((dtype) => {
    const alike = runs.filter((run) => run.dtype === dtype);
    const most = Math.max(...alike.map(({ variants }) => variants));
    return Array.from({ length: most }, (_, index) => ({
      op,
      dtype,
      index,
      runs: alike.filter(({ variants }) => variants > index),
    }));
  });
}

/** Executes `runs` in one program; returns each run's results by name. */
async function execute(
  device: Device,
  runs: readonly Run[],
  index: number,
  { name = '', onProgram }: { readonly name?: string; readonly onProgram?: OnProgram } = {},
): Promise<Record<string, TensorData>[]> {
  const values = runs.map(({ one, dtype }) => traceCase(one, dtype).values);
  const named = values.flatMap((own, i) => Object.entries(own).map(([name, data]) => [`${i}/${name}`, data] as const));
  const specs: Record<string, TensorSpec> = Object.fromEntries(named);
  const build = (tensors: Readonly<Record<string, Tensor>>) => {
    const all = runs.flatMap(({ one, dtype }, i) => {
      const { results } = traceCase(one, dtype, (name) => tensors[`${i}/${name}`]);
      return Object.entries(results).map(([name, tensor]) => [`${i}/${name}`, tensor] as const);
    });
    return Object.fromEntries(all);
  };
  using program = await compile(device, build, specs, { chooseVariant: variantAt(index) });
  const given: Record<string, TypedArray> = Object.fromEntries(named.map(([name, { data }]) => [name, data]));
  const results = Object.entries(await program.run(given));
  await onProgram?.(program, given, name);
  return runs.map((_, i) => {
    const prefix = `${i}/`;
    const own = results.filter(([name]) => name.startsWith(prefix));
    return Object.fromEntries(own.map(([name, data]) => [name.slice(prefix.length), data]));
  });
}

/** Results of a group's runs. If the program fails, each runs alone and yields its results or its Error. */
async function executeEach(
  device: Device,
  { op, dtype, runs, index }: Group,
  onProgram?: OnProgram,
): Promise<(Record<string, TensorData> | Error)[]> {
  const told = { name: `${op} ${dtype}${index > 0 ? ` variant ${index + 1}` : ''}`, onProgram };
  try {
    return await execute(device, runs, index, told);
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    if (runs.length === 1) return [error as Error];
  }
  const results = [];
  for (const run of runs) {
    const alone = execute(device, [run], index, told).then(([own]) => own);
    results.push(
      await alone.catch((error: Error) => {
        if (error instanceof DeviceLostError) throw error;
        return error;
      }),
    );
  }
  return results;
}

/** The rows of a run, one per direction. */
function rowsOf(
  { op, index }: Group,
  run: Run,
  actual: Record<string, TensorData> | Error,
  expected: Record<string, TensorData>,
  capabilities: Capabilities,
  tolerance?: VerifyOptions['tolerance'],
): VerifyRow[] {
  const nodes = nodesOf(traceCase(run.one, run.dtype));
  // A direction without a variant of this index was compared before.
  const isNew = (direction: Direction) =>
    index === 0 || nodes[direction].some((node) => variantNames(node, capabilities).length > index);
  const directions = [...new Set(Object.keys(expected).map(directionOf))].filter(isNew);
  return directions.map((direction) => {
    const part = direction === 'forward' ? 'output' : 'gradient';
    const dtype = typeOf(run.one, run.dtype);
    const allowed = tolerance?.(run.dtype) ?? toleranceOf(op, 'gpu', part, run.dtype);
    const variant = variantLabel(op, nodes[direction], index, capabilities);
    const row = { op, case: run.name, variant, dtype, direction, tolerance: allowed.relative };
    if (actual instanceof Error) return { ...row, maxError: Infinity, ok: false, problem: actual.message };
    const compared = Object.keys(expected)
      .filter((name) => directionOf(name) === direction)
      .map((name) => deviation(actual[name], expected[name], isFloat(expected[name].dtype) ? allowed : units(0)));
    const maxError = Math.max(...compared.map(({ error }) => error));
    const problem = compared.find((found) => found.problem !== null)?.problem;
    return { ...row, maxError, ok: !problem, ...(problem ? { problem } : {}) };
  });
}
