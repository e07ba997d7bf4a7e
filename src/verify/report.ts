// Summaries of verify()'s results: one line per op, and a report to send in.

import type { Device, DeviceInfo } from '../backends/device.ts';
import type { DType } from '../core/dtype.ts';
import type { VerifyRow } from './verify.ts';

/** The summary of an op's comparisons. */
export interface OpSummary {
  readonly op: string;
  /** The variants that ran, without those of other op records that it or its gradient uses. */
  readonly variants: readonly string[];
  readonly dtypes: readonly DType[];
  readonly comparisons: number;
  /** The comparison closest to its tolerance, or furthest beyond it. */
  readonly worst: VerifyRow;
  readonly ok: boolean;
}

/** The ratio of error to tolerance: above 1 fails. */
export const partOf = ({ maxError, tolerance }: VerifyRow): number => (maxError === 0 ? 0 : maxError / tolerance);

/** One summary per op, in the order of the rows. */
export function summarize(rows: readonly VerifyRow[]): OpSummary[] {
  return [...new Set(rows.map(({ op }) => op))].map((op) => {
    const own = rows.filter((row) => row.op === op);
    const worstOf = (some: readonly VerifyRow[]) => some.reduce((a, b) => (partOf(b) > partOf(a) ? b : a));
    const failed = own.filter(({ ok }) => !ok);
    const variants = [...new Set(own.flatMap(({ variant }) => variant.split(', ')))];
    const ofItself = variants.filter((name) => !name.includes('.'));
    return {
      op,
      variants: ofItself.length > 0 ? ofItself : variants,
      dtypes: [...new Set(own.map(({ dtype }) => dtype))],
      comparisons: own.length,
      worst: worstOf(failed.length > 0 ? failed : own),
      ok: failed.length === 0,
    };
  });
}

/** A description of a row's comparison. */
export const describeRow = ({ op, case: name, variant, dtype, direction }: VerifyRow): string =>
  `${op} ${direction}, case ${name}, ${dtype}, variant ${variant}`;

/** A report as JSON, in which infinite errors (a NaN, an infinity, or nothing computed) are null. */
export interface VerifyReport {
  /** The device's own description. */
  readonly adapter: string;
  readonly device: Omit<DeviceInfo, 'description'>;
  readonly cases: readonly VerifyRow[];
}

/** The report of `rows` on `device`. */
export function verifyReport(
  { info: { description, ...device } }: Pick<Device, 'info'>,
  cases: readonly VerifyRow[],
): VerifyReport {
  return { adapter: description, device, cases };
}
