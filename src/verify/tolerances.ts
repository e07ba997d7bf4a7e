// How far results may be from what is expected. What an op is allowed stands beside its cases, in cases/; see allowed.ts.

import type { DType } from '../core/dtype.ts';
import { checks } from './cases/index.ts';

/** A value may differ from the expected one by `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

const UNIT = 2 ** -24;

/** `count` units: see allowed.ts. */
export const units = (count: number): Tolerance => ({ absolute: count * UNIT, relative: count * UNIT });

/** `cpu`: the CPU reference against PyTorch. `gpu`: the GPU against the CPU reference. */
export type Comparison = 'cpu' | 'gpu';

/** An f16 unit, 2⁻¹¹, in units: f16 has 13 bits less than f32. */
const F16_UNITS = 2 ** 13;

/** What an op is allowed in a comparison, where its floats are `dtype`. Throws for an op without checks. */
export function toleranceOf(
  op: string,
  comparison: Comparison,
  part: 'output' | 'gradient',
  dtype: DType = 'f32',
): Tolerance {
  if (!Object.hasOwn(checks, op)) throw new Error(`src/verify/cases has no tolerance for ${op}.`);
  const at = part === 'output' ? 0 : 1;
  const f32 = checks[op][comparison][at];
  if (dtype !== 'f16') return units(f32);
  return units(Math.max(f32, F16_UNITS * (checks[op].f16?.[at] ?? (f32 === 0 ? 0 : 2))));
}

/** For a record that no public op is named after, such as a gradient of its own. */
const UNNAMED_UNITS = 256;

/** Each op under its own name and those of its records. */
const opOfRecord = new Map(
  Object.entries(checks).flatMap(([op, { records = [] }]) => [op, ...records].map((name) => [name, op] as const)),
);

/**
 * What the output of a record is allowed, GPU against CPU: that of the op of its name, or of which it is a record; for
 * `conv2dGradInput` the gradient of `conv2d`; for a record that is like no op, 256 units.
 */
export function toleranceOfRecord(record: string, dtype: DType = 'f32'): Tolerance {
  const own = opOfRecord.get(record);
  if (own !== undefined) return toleranceOf(own, 'gpu', 'output', dtype);
  const family = [...opOfRecord.keys()]
    .filter((name) => record.startsWith(name))
    .reduce((best, name) => (name.length > best.length ? name : best), '');
  if (family) return toleranceOf(opOfRecord.get(family)!, 'gpu', 'gradient', dtype);
  return units(dtype === 'f16' ? 4 * F16_UNITS : UNNAMED_UNITS);
}

/**
 * Finite differences in float64 against gradients in float64, as a part of the sum of |gradient · direction|. What is left
 * is the fourth power of the step and constants such as 1/3, which are held in f32. Measured 7e-9.
 */
export const finiteDifferences: Tolerance = { absolute: 1e-11, relative: 2.5e-8 };

/** f16 has 13 bits less than f32. The CPU rounds after every op, a fused kernel at its end. Measured 2.5 · 2¹³. */
export const f16Tolerance: Tolerance = units(4 * F16_UNITS);
