// Changes the element type.

import type { DType } from '../core/dtype.ts';
import { applyOne } from '../core/op.ts';
import type { Tensor } from '../core/tensor.ts';
import { pointwise } from './pointwise.ts';

export const castOp = pointwise<{ dtype: DType }>({
  name: 'cast',
  dtype: (_inputs, { dtype }) => dtype,
  wgsl: ([x], { dtype }) => `${dtype === 'f16' ? 'f32' : dtype}(${x})`,
  cpu: ([x], { dtype }) =>
    dtype === 'f32' || dtype === 'f16' ? x : dtype === 'bool' ? Number(x !== 0) : Math.trunc(x),
  vjp: (g, { inputs: [x] }) => [x.dtype === 'f32' || x.dtype === 'f16' ? cast(g, x.dtype) : null],
});

/** `x` as another dtype: fractions are cut towards zero, and anything but 0 is true. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : applyOne(castOp, [x], { dtype }));
