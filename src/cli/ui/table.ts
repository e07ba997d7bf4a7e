// Columns of text and short numbers, for results that people read.

import { gigaRate, type Ceilings } from '../../node.ts';

/** `rows` as lines of aligned columns; the first row has the headings, and columns in `numeric` are right-aligned. */
export function textTable(rows: readonly (readonly string[])[], numeric: readonly number[] = []): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell: string, i: number) => (numeric.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]));
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** A fraction as per cent, such as 42 %. */
export const part = (share: number): string => (Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : '–');

/** The two ceilings of a device, in words. */
export const describeCeilings = ({ flopsPerSecond, bytesPerSecond }: Ceilings): string =>
  `${gigaRate(flopsPerSecond, 1000)} GFLOP/s (multiply-add loop), ${gigaRate(bytesPerSecond, 1000)} GB/s (copy)`;
