// The autotuner: times the kernel variants of each op in the cases on a device, and keeps the fastest correct one.

import type { Device } from '../backends/device.ts';
import type { BenchCase } from '../bench/cases.ts';
import { reasonToSkip } from '../bench/bench.ts';
import { sample } from '../bench/measure.ts';
import type { TensorData } from '../core/dtype.ts';
import type { Variant } from '../core/kernel.ts';
import type { Op } from '../core/op.ts';
import type { Tensor } from '../core/tensor.ts';
import { compile } from '../runtime/compile.ts';
import { chooseFirst, type ChooseVariant } from '../runtime/lower.ts';
import { planOnly } from '../runtime/plan-only.ts';
import type { OnProgram } from '../runtime/profile.ts';
import { decidingCall, tuningKey, type TuningTable } from '../runtime/tuning.ts';
import { deviation } from '../verify/compare.ts';
import { toleranceOfRecord } from '../verify/tolerances.ts';

/** Maximum number of variants to try per op. */
const MOST_CANDIDATES = 8;
/** The default variant is kept unless another takes less than this fraction of its time: clocks are not exact. */
const WORTH = 0.95;
/** A variant whose first run takes this many times as long as the fastest is not timed again. */
const HOPELESS = 4;
/** Tolerances are widened by this: variants sum in different orders, and cases are larger than those of verify. */
const SLACK = 64;

/** A variant that was tried. */
export interface Candidate {
  readonly variant: string;
  /** Median time of its kernels; null if it failed. */
  readonly milliseconds: number | null;
  /** Why it cannot win, or null. */
  readonly problem: string | null;
}

/** The result for one op at one size. */
export interface TuneRow {
  readonly key: string;
  readonly op: string;
  /** The case it was measured in. */
  readonly name: string;
  readonly candidates: readonly Candidate[];
  readonly winner: string;
}

export interface TuneOptions {
  /** Approximate seconds of measured runs per variant. */
  readonly seconds?: number;
  /** Also runs large cases on software adapters. */
  readonly all?: boolean;
  readonly signal?: AbortSignal;
  /** Called with each variant's program after timing. */
  readonly onProgram?: OnProgram;
  /** Called before each case, and for each row. */
  readonly onProgress?: (state: {
    readonly done: number;
    readonly total: number;
    readonly name: string;
    readonly row?: TuneRow;
  }) => void;
}

/** Tunes every op in `cases` that has more than one variant on `device`. */
export async function tune(
  device: Device,
  cases: readonly BenchCase[],
  options: TuneOptions = {},
): Promise<{ readonly table: TuningTable; readonly rows: readonly TuneRow[] }> {
  if (!device.capabilities) throw new Error('tune: the CPU reference has no variants; open a GPU.');
  const rows: TuneRow[] = [];
  const known = new Set<string>();
  for (const [done, one] of cases.entries()) {
    if (options.signal?.aborted) break;
    if (reasonToSkip(one, device, options)) continue;
    const report = (row?: TuneRow) => options.onProgress?.({ done, total: cases.length, name: one.name, row });
    report();
    for (const [key, { op, names }] of await decisions(device, one)) {
      if (known.has(key)) continue;
      known.add(key);
      const row = await tuneOne(device, one, key, op, names, options);
      rows.push(row);
      report(row);
    }
  }
  return { table: { version: 1, variants: Object.fromEntries(rows.map(({ key, winner }) => [key, winner])) }, rows };
}

/** The choices in a case: the op and its variants' names by key. */
async function decisions(device: Device, one: BenchCase) {
  const found = new Map<string, { op: Op; names: string[] }>();
  const chooseVariant: ChooseVariant = (op, offered, call) => {
    const names = offered.slice(0, MOST_CANDIDATES).map((variant) => variant.name);
    if (names.length > 1)
      found.set(tuningKey(device, { op, ...call }), { op: decidingCall({ op, ...call }).op, names });
    return chooseFirst(op, offered, call);
  };
  (await compile(planOnly(device), one.build(), {}, { chooseVariant })).dispose();
  return found;
}

async function tuneOne(
  device: Device,
  one: BenchCase,
  key: string,
  op: Op,
  names: readonly string[],
  { seconds, onProgram }: TuneOptions,
): Promise<TuneRow> {
  const candidates: Candidate[] = [];
  let expected: readonly TensorData[] | null = null;
  for (const variant of names) {
    try {
      const hopeless = HOPELESS * Math.min(...candidates.map(({ milliseconds }) => milliseconds ?? Infinity));
      const { results, milliseconds } = await tryVariant(device, one, key, variant, hopeless, { seconds, onProgram });
      expected ??= results;
      const problem = firstProblem(results, expected, op);
      candidates.push({ variant, milliseconds, problem });
    } catch (error) {
      candidates.push({ variant, milliseconds: null, problem: (error as Error).message });
    }
  }
  const right = candidates.filter(({ problem }) => problem === null);
  const time = ({ milliseconds }: Candidate) => milliseconds!;
  const best = right.reduce<Candidate | null>(
    (least, other) => (least && time(other) >= time(least) * (least.variant === names[0] ? WORTH : 1) ? least : other),
    null,
  );
  return { key, op: op.name, name: one.name, candidates, winner: best?.variant ?? names[0] };
}

/** Runs the case with one op computed by `variant`; returns the results and that op's own time. */
async function tryVariant(
  device: Device,
  one: BenchCase,
  key: string,
  variant: string,
  hopeless: number,
  { seconds = 0.2, onProgram }: TuneOptions,
) {
  const chooseVariant = (op: Op, offered: readonly Variant[], call: Parameters<ChooseVariant>[2]) =>
    (tuningKey(device, { op, ...call }) === key && offered.find(({ name }) => name === variant)) ||
    chooseFirst(op, offered, call);
  const compute = one.build();
  const named = (): Readonly<Record<string, Tensor>> => {
    const result = compute();
    return 'node' in result ? { result: result as Tensor } : (result as Readonly<Record<string, Tensor>>);
  };
  using program = await compile(device, named, {}, { chooseVariant });
  const results = Object.values(await program.run({}));
  const own = new Set(program.plan.steps.flatMap((step, i) => (tuningKey(device, step) === key ? [i] : [])));
  const { times } = await sample(program, seconds, ({ step }) => own.has(step), hopeless);
  await onProgram?.(program, {}, `${one.name} ${variant}`);
  return { results, milliseconds: times[times.length >> 1] };
}

function firstProblem(results: readonly TensorData[], expected: readonly TensorData[], op: Op): string | null {
  for (const [i, result] of results.entries()) {
    const { absolute, relative } = toleranceOfRecord(op.name, result.dtype);
    const largest = expected[i].dtype === 'f32' ? largestOf(expected[i]) : 1;
    const allowed = { absolute: SLACK * absolute * largest, relative: SLACK * relative };
    const { problem } = deviation(result, expected[i], allowed);
    if (problem) return problem;
  }
  return null;
}

function largestOf({ data }: TensorData): number {
  let largest = 1;
  for (const value of data) largest = Math.max(largest, Math.abs(value));
  return largest;
}
