// Ranges, and ops that depend on an element's position: triangles of matrices, masks.

import { allocate, isFloat, type DType } from '../../core/dtype.ts';
import { toFloat16 } from '../../core/float16.ts';
import { expectWhole, formatShape } from '../../core/shape.ts';
import { Constant, type Tensor } from '../../core/tensor.ts';
import { add } from './binary.ts';
import { cast } from './cast.ts';
import { eq, ge, le } from './compare.ts';
import { reshape } from '../movement/reshape.ts';
import { where } from './where.ts';

/** A 1-D constant of `count` numbers. */
function listed(count: number, dtype: DType, value: (i: number) => number): Constant {
  const data = allocate(dtype, count);
  for (let i = 0; i < count; i++) data[i] = dtype === 'f16' ? toFloat16(value(i)) : value(i);
  return new Constant([count], dtype, data);
}

/** Options of `arange`. */
export interface RangeOptions {
  readonly start?: number;
  readonly step?: number;
  readonly dtype?: Exclude<DType, 'bool'>;
}

/** The numbers from `start` (0) up to but excluding `end`, `step` (1) apart: i32, or f32 if one of these is a fraction. */
export function arange(end: number, options: RangeOptions = {}): Constant {
  const { start = 0, step = 1 } = options;
  const whole = [start, end, step].every(Number.isInteger);
  const { dtype = whole ? 'i32' : 'f32' } = options;
  if (!whole && !isFloat(dtype)) {
    throw new Error(
      `arange: ${dtype} numbers from ${start} to ${end} in steps of ${step} would be truncated; use f32.`,
    );
  }
  const count = Math.ceil((end - start) / step);
  if (!Number.isFinite(count) || count < 0) {
    throw new Error(`arange: ${end} is never reached from ${start} in steps of ${step}.`);
  }
  return listed(count, dtype, (i) => start + i * step);
}

/** `count` evenly spaced f32 numbers from `start` to `end`, both included. */
export function linspace(start: number, end: number, count: number): Constant {
  expectWhole('linspace', 'count', [count], 0);
  // From the nearer end, so that both ends are exact.
  const step = (end - start) / Math.max(1, count - 1);
  return listed(count, 'f32', (i) => (2 * i < count ? start + i * step : end - (count - 1 - i) * step));
}

/** Row and column indices of a matrix, for comparisons: [rows, 1] and [columns]. */
const places = (rows: number, columns: number): readonly [Tensor, Tensor] => [
  reshape(arange(rows), [rows, 1]),
  arange(columns),
];

/** The identity matrix: 1 on the diagonal, 0 elsewhere. [rows, columns], square by default. */
export function eye(rows: number, columns = rows, { dtype = 'f32' as DType } = {}): Tensor {
  expectWhole('eye', 'rows and columns', [rows, columns], 0);
  return cast(eq(...places(rows, columns)), dtype);
}

/** `x` [..., M, N], with 0 except where `keeps(column, row + diagonal)`. */
function triangle(who: string, x: Tensor, diagonal: number, keeps: typeof le): Tensor {
  if (x.shape.length < 2) throw new Error(`${who}: needs at least 2 axes, but x is ${formatShape(x.shape)}.`);
  if (!Number.isInteger(diagonal)) throw new Error(`${who}: diagonal must be an integer, but is ${diagonal}.`);
  const [rows, columns] = places(x.shape.at(-2)!, x.shape.at(-1)!);
  return where(keeps(columns, add(rows, diagonal)), x, 0);
}

/** The lower triangles of `x` [..., M, N], 0 above the diagonal, which `diagonal` shifts to the right. */
export const tril = (x: Tensor, diagonal = 0): Tensor => triangle('tril', x, diagonal, le);

/** The upper triangles of `x` [..., M, N], 0 below the diagonal, which `diagonal` shifts to the right. */
export const triu = (x: Tensor, diagonal = 0): Tensor => triangle('triu', x, diagonal, ge);

/** `value` where `mask` (bool, broadcast) holds, `x` elsewhere. */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  if (mask.dtype !== 'bool') throw new Error(`maskedFill: the mask must be bool, but is ${mask.dtype}.`);
  return where(mask, x.dtype === 'bool' ? Number(value !== 0) : value, x);
}
