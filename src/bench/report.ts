// Parses, formats and compares benchmark reports.

import type { BenchReport, BenchRow } from './bench.ts';

/**
 * Parses a report in the JSON form of `bench`.
 * @throws an Error with `name`, the file's, if it is not such a report.
 */
export function parseBenchReport(text: string, name = 'This file'): BenchReport {
  let report: Partial<BenchReport> | null;
  try {
    report = JSON.parse(text) as Partial<BenchReport> | null;
  } catch (cause) {
    throw new Error(`${name} is not a bench report: it is not JSON.`, { cause });
  }
  const version: unknown = report?.version;
  if (typeof version === 'number' && version > 1)
    throw new Error(`${name} was written by a newer five-tigers (version ${version}); this one reads version 1.`);
  const right =
    version === 1 &&
    typeof report?.adapter?.description === 'string' &&
    isAbove0(report.ceilings?.bytesPerSecond) &&
    isAbove0(report.ceilings?.flopsPerSecond) &&
    Array.isArray(report.rows) &&
    report.rows.every((row: Partial<BenchRow> | null) => typeof row?.name === 'string' && isAbove0(row.milliseconds));
  if (!right) throw new Error(`${name} is not a bench report: make one with \`five-tigers bench --json FILE\`.`);
  return report as BenchReport;
}

const isAbove0 = (value: unknown): boolean => typeof value === 'number' && value > 0;

/** Three significant digits without an exponent; a dash if the clock was too coarse. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? value.toFixed(0) : value < 1e-3 ? value.toFixed(4) : value.toPrecision(3);
}

/** `count` per `milliseconds` in billions per second: GFLOP/s or GB/s. */
export const gigaRate = (count: number, milliseconds: number): string => shortNumber(count / milliseconds / 1e6);

/** A case in two reports. */
export interface Comparison {
  readonly name: string;
  readonly variant?: string;
  /** Milliseconds. */
  readonly before: number;
  readonly after: number;
  /** Above 1 if `after` is faster. */
  readonly speedup: number;
}

const key = ({ name, variant = '' }: Pick<BenchRow, 'name' | 'variant'>): string => `${name} ${variant}`;

/** The cases in both reports, and the geometric mean of the speedups (1 if there are none). */
export function compareReports(before: BenchReport, after: BenchReport): { rows: Comparison[]; mean: number } {
  const known = new Map(before.rows.map((row) => [key(row), row]));
  const rows = after.rows.flatMap((row): Comparison[] => {
    const old = known.get(key(row));
    if (!old) return [];
    const { name, variant, milliseconds } = row;
    return [{ name, variant, before: old.milliseconds, after: milliseconds, speedup: old.milliseconds / milliseconds }];
  });
  const logs = rows.map(({ speedup }) => Math.log(speedup));
  return { rows, mean: Math.exp(logs.reduce((sum, log) => sum + log, 0) / Math.max(1, logs.length)) };
}
