// Runs the benchmark on a device: each case, optionally with every kernel variant.

import type { Device, DeviceInfo } from '../backends/device.ts';
import type { OnProgram } from '../runtime/profile.ts';
import { tunedChoice } from '../runtime/tuning.ts';
import type { BenchCase } from './cases.ts';
import { measureCeilings, type Ceilings } from './ceilings.ts';
import { measure, variantNamed, type Measurement } from './measure.ts';

/** A measured case; `variant` is set if it is one of an op's variants. */
export interface BenchRow extends Measurement {
  readonly name: string;
  readonly group: BenchCase['group'];
  readonly variant?: string;
  /** Fraction of the roofline: the device's limit at this case's arithmetic intensity, from 0 to 1. */
  readonly ofCeiling: number;
}

/** The report of a whole run, as downloaded and compared. */
export interface BenchReport {
  readonly version: 1;
  readonly adapter: Pick<DeviceInfo, 'vendor' | 'architecture' | 'description' | 'software'>;
  readonly ceilings: Ceilings;
  readonly rows: readonly BenchRow[];
  /** Cases that did not run, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

export interface BenchOptions {
  /** Approximate seconds of measured runs per case. */
  readonly seconds?: number;
  /** Also times each kernel variant of a case's op. */
  readonly variants?: boolean;
  /** Also runs large cases on software adapters, where they are skipped by default. */
  readonly all?: boolean;
  /** Stops before the next case; the report has the rows so far. */
  readonly signal?: AbortSignal;
  /** Called with the ceilings before the first case. */
  readonly onCeilings?: (ceilings: Ceilings) => void;
  /** Called with each row's program after timing. */
  readonly onProgram?: OnProgram;
  /** Called before each case and after each row. */
  readonly onProgress?: (state: {
    readonly done: number;
    readonly total: number;
    readonly name: string;
    readonly row?: BenchRow;
  }) => void;
}

/** Times `cases` on `device`. A case that fails is listed as skipped with its error. */
export async function bench(
  device: Device,
  cases: readonly BenchCase[],
  options: BenchOptions = {},
): Promise<BenchReport> {
  const { vendor, architecture, description, software } = device.info;
  const ceilings = await measureCeilings(device);
  options.onCeilings?.(ceilings);
  const rows: BenchRow[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const [done, one] of cases.entries()) {
    const { name } = one;
    const report = (row?: BenchRow) => options.onProgress?.({ done, total: cases.length, name, row });
    if (options.signal?.aborted) break;
    const reason = reasonToSkip(one, device, options);
    if (reason) {
      skipped.push({ name, reason });
      continue;
    }
    report();
    try {
      for await (const row of timeCase(device, one, ceilings, options)) {
        rows.push(row);
        report(row);
      }
    } catch (error) {
      skipped.push({ name, reason: (error as Error).message });
    }
  }
  return { version: 1, adapter: { vendor, architecture, description, software }, ceilings, rows, skipped };
}

/** Why a case cannot run on a device, or would take too long; null if it can. */
export function reasonToSkip(
  { large, needsF16 }: BenchCase,
  { info, capabilities }: Device,
  { all }: Pick<BenchOptions, 'all'>,
): string | null {
  if (needsF16 && capabilities && !capabilities.f16) return 'this adapter does not support f16';
  return large && info.software && !all ? 'takes long without a GPU; run it with --all' : null;
}

async function* timeCase(
  device: Device,
  { name, group, op, build }: BenchCase,
  ceilings: Ceilings,
  { seconds, variants, onProgram }: BenchOptions,
): AsyncGenerator<BenchRow> {
  const row = (measured: Measurement, variant?: string): BenchRow => ({
    name,
    group,
    ...(variant === undefined ? {} : { variant }),
    ofCeiling: bestMilliseconds(measured, ceilings) / measured.milliseconds,
    ...measured,
  });
  const names: string[] = [];
  const compute = build();
  const choose = tunedChoice(device);
  const first = await measure(device, compute, {
    seconds,
    onProgram,
    name,
    chooseVariant(chosen, offered, call) {
      if (names.length === 0 && chosen.name === op) names.push(...offered.map((variant) => variant.name));
      return choose(chosen, offered, call);
    },
  });
  yield row(first);
  if (!variants) return;
  for (const variant of names) {
    const chooseVariant = variantNamed(variant);
    const measured = await measure(device, compute, { seconds, chooseVariant, onProgram, name: `${name} ${variant}` });
    yield row(measured, variant);
  }
}

/** The roofline's minimum time: the longer of arithmetic and memory traffic (Williams et al., 2009). */
export const bestMilliseconds = ({ flops, bytes }: Pick<Measurement, 'flops' | 'bytes'>, ceilings: Ceilings): number =>
  1000 * Math.max(flops / ceilings.flopsPerSecond, bytes / ceilings.bytesPerSecond);
