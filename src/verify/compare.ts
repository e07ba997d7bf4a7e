// Compares a tensor with its expected values within a tolerance.

import type { TensorData } from '../core/dtype.ts';
import { fromFloat16 } from '../core/float16.ts';
import { sameShape } from '../core/shape.ts';
import type { Tolerance } from './tolerances.ts';
import { formatSpec } from '../core/tensor.ts';

/** Smaller f32 numbers are subnormal, and a GPU may flush them to zero. */
const SMALLEST_NORMAL = 2 ** -126;

/** The worst element of a comparison. */
export interface Deviation {
  /** The largest |actual − expected| / (1 + |expected|); Infinity if a NaN, an infinity or the shape differs. */
  readonly error: number;
  /** The largest ratio of error to tolerance: above 1 fails. */
  readonly part: number;
  /** A description of the failure, or null. */
  readonly problem: string | null;
}

const refuse = (problem: string): Deviation => ({ error: Infinity, part: Infinity, problem });

/** Compares `actual` with `expected`, element by element; f16 by value. */
export function deviation(actual: TensorData, expected: TensorData, { absolute, relative }: Tolerance): Deviation {
  if (actual.dtype !== expected.dtype || !sameShape(actual.shape, expected.shape)) {
    return refuse(`is ${formatSpec(actual)}, expected ${formatSpec(expected)}`);
  }
  if (actual.data.length !== expected.data.length) {
    return refuse(`has ${actual.data.length} values, expected ${expected.data.length}`);
  }
  const value = actual.dtype === 'f16' ? fromFloat16 : (stored: number) => stored;
  let [error, part, at] = [0, 0, -1];
  for (let i = 0; i < expected.data.length; i++) {
    const [a, e] = [value(actual.data[i]), value(expected.data[i])];
    if (Object.is(a, e) || a === e) continue;
    const distance = Math.abs(a - e);
    if (distance <= SMALLEST_NORMAL) continue;
    const ratio = distance / (absolute + relative * Math.abs(e) + SMALLEST_NORMAL);
    // Differing infinities and NaN count as infinite errors.
    const [ownPart, ownError] = [ratio, distance / (1 + Math.abs(e))].map((x) => (Number.isNaN(x) ? Infinity : x));
    if (ownPart > part) [part, at] = [ownPart, i];
    if (ownError > error) error = ownError;
  }
  if (part <= 1) return { error, part, problem: null };
  const [a, e] = [value(actual.data[at]), value(expected.data[at])];
  const problem = `element ${at} is ${a}, expected ${e}: off by ${Math.abs(a - e)}, ${part.toPrecision(3)} × the tolerance`;
  return { error, part, problem };
}
