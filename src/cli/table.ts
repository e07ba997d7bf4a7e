// Text in columns and short numbers, for results that people read.

import type { Ceilings } from '../node.ts';

/** `rows` as lines of aligned columns, the first row being their headings; columns in `numeric` stand to the right. */
export function textTable(rows: readonly (readonly string[])[], numeric: readonly number[] = []): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell: string, i: number) => (numeric.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]));
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** Three digits that count, and no exponent; a dash for what a clock was too coarse for. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? value.toFixed(0) : value < 1e-3 ? value.toFixed(4) : value.toPrecision(3);
}

/** What is done in so many milliseconds, as billions a second. */
export const giga = (count: number, milliseconds: number): string => short(count / milliseconds / 1e6);

/** A part of the whole, as in 42 %. */
export const part = (share: number): string => (Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : '–');

/** The two ceilings of a device, in words. */
export const describeCeilings = ({ flopsPerSecond, bytesPerSecond }: Ceilings): string =>
  `${giga(flopsPerSecond, 1000)} GFLOP/s (multiply-add loop), ${giga(bytesPerSecond, 1000)} GB/s (copy)`;
