// What verify() found, for people: one line an op, and the report that is worth sending in.

import type { Device, DeviceInfo } from '../backends/device.ts';
import type { DType } from '../core/dtype.ts';
import type { VerifyRow } from './verify.ts';

/** What all comparisons of an op come to. */
export interface OpSummary {
  readonly op: string;
  /** All variants that computed something, without those of other records that its gradient or its parts call. */
  readonly variants: readonly string[];
  readonly dtypes: readonly DType[];
  readonly comparisons: number;
  /** The comparison that used most of its tolerance. */
  readonly worst: VerifyRow;
  readonly ok: boolean;
}

/** The part of its tolerance that a comparison used: above 1 it is too much. */
export const partOf = ({ maxError, tolerance }: VerifyRow): number => (maxError === 0 ? 0 : maxError / tolerance);

/** One summary an op, in the order in which the rows name them. */
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

/** Which comparison a row is, in words. */
export const describeRow = ({ op, case: name, variant, dtype, direction }: VerifyRow): string =>
  `${op} ${direction}, case ${name}, ${dtype}, variant ${variant}`;

/** A report as JSON. An error that is no number (a NaN, an infinity, nothing computed) is null there. */
export interface VerifyReport {
  /** What the device calls itself. */
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
