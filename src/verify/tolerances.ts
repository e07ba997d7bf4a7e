// Looks up tolerances. Those of the ops are in cases/, beside the cases; see allowed.ts.

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

/** An op's tolerance in a comparison with floats of `dtype`. @throws an Error for an op without checks. */
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

/** For an op record that matches no public op. */
const UNNAMED_UNITS = 256;

/** Each op by its own name and those of its records. */
const opOfRecord = new Map(
  Object.entries(checks).flatMap(([op, { records = [] }]) => [op, ...records].map((name) => [name, op] as const)),
);

/**
 * The tolerance of a record's output, GPU against CPU: that of the op with its name or among whose `records` it is; for names
 * such as `conv2dGradInput` that of the gradient of `conv2d`; otherwise 256 units.
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
 * Finite differences against gradients, both in float64, relative to the sum of |gradient · direction|. The remaining error
 * is the fourth power of the step and the rounding of constants such as 1/3 to f32. Measured 7e-9.
 */
export const finiteDifferences: Tolerance = { absolute: 1e-11, relative: 2.5e-8 };

/** The CPU rounds to f16 after every op, a fused kernel only at its end. Measured 2.5 · 2¹³. */
export const f16Tolerance: Tolerance = units(4 * F16_UNITS);
