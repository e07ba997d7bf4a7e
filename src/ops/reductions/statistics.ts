// Statistics computed from sums: variance, standard deviation, norms, counts.

import { expectDType } from '../../core/op.ts';
import { formatShape, resolveAxes, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { mul, sub } from '../elementwise/binary.ts';
import { pow } from '../elementwise/pow.ts';
import { cast } from '../elementwise/cast.ts';
import { eq, gt, ne } from '../elementwise/compare.ts';
import { max, mean, min, sum, type Reduce } from './reduce.ts';
import { abs, sqrt, square } from '../elementwise/unary.ts';
import { where } from '../elementwise/where.ts';

/** Options of `variance` and `std`. */
export interface VarianceOptions {
  /** Subtracted from the number of values in the divisor: 1 for a sample (the default), 0 for a population. */
  readonly correction?: number;
  /** Keeps the axes with size 1. */
  readonly keepdims?: boolean;
}

function varianceAs(
  who: string,
  x: Tensor,
  axes: number | readonly number[] | undefined,
  { correction = 1, keepdims = false }: VarianceOptions,
): Tensor {
  expectDType(who, 'x', x, 'f32', 'f16');
  const over = resolveAxes(who, axes, x.shape.length);
  const count = sizeOf(over.map((axis) => x.shape[axis]));
  if (!(count > correction)) {
    throw new Error(
      `${who}: ${formatShape(x.shape)} has ${count} values along axes [${over}], but correction ${correction} ` +
        `needs more than ${correction}.`,
    );
  }
  const squares = sum(square(sub(x, mean(x, over, true))), over, keepdims);
  return mul(squares, 1 / (count - correction));
}

/**
 * Variance over `axes` (all by default), as torch.var. The mean is subtracted first, so that precision is not lost if it
 * is large. Throws for too few values, for which PyTorch returns NaN.
 */
export const variance = (x: Tensor, axes?: number | readonly number[], options: VarianceOptions = {}): Tensor =>
  varianceAs('variance', x, axes, options);

/** Standard deviation over `axes` (all by default), as torch.std: the square root of `variance`. */
export const std = (x: Tensor, axes?: number | readonly number[], options: VarianceOptions = {}): Tensor =>
  sqrt(varianceAs('std', x, axes, options));

/** `root` of a sum, with gradient 0 at 0, as a norm of zeros has in PyTorch. */
function rootOf(total: Tensor, root: (t: Tensor) => Tensor): Tensor {
  const isZero = eq(total, 0);
  return where(isZero, 0, root(where(isZero, 1, total)));
}

/**
 * The p-norm (Σ |x|^p)^(1/p) over `axes` (all by default), as torch.norm: p is 2 by default, and at least 1, or 0 for the
 * number of nonzero values, or ±Infinity for the largest or smallest absolute value.
 */
export function norm(x: Tensor, p = 2, axes?: number | readonly number[], keepdims = false): Tensor {
  expectDType('norm', 'x', x, 'f32', 'f16');
  if (!(p >= 1 || p === 0 || p === -Infinity)) {
    throw new Error(`norm: p must be at least 1, or 0 or ±Infinity, but is ${p}.`);
  }
  const over = resolveAxes('norm', axes, x.shape.length);
  if (p === 0) return sum(cast(ne(x, 0), x.dtype), over, keepdims);
  if (p === 2) return rootOf(sum(square(x), over, keepdims), sqrt);
  const size = abs(x);
  if (p === 1) return sum(size, over, keepdims);
  if (!Number.isFinite(p)) return (p > 0 ? max : min)(size, over, keepdims);
  return rootOf(sum(pow(size, p), over, keepdims), (total) => pow(total, 1 / p));
}

/** Number of nonzero elements over `axes` (all by default): i32, as torch.count_nonzero. */
export const countNonzero: Reduce = (x, axes, keepdims) => sum(cast(cast(x, 'bool'), 'i32'), axes, keepdims);

/** True where any element over `axes` (all by default) is nonzero. */
export const any: Reduce = (x, axes, keepdims) => gt(countNonzero(x, axes, keepdims), 0);

/** True where all elements over `axes` (all by default) are nonzero. */
export const all: Reduce = (x, axes, keepdims) =>
  eq(countNonzero(eq(cast(cast(x, 'bool'), 'u32'), 0), axes, keepdims), 0);
