// Converts the element type.

import { isFloat, type DType } from '../../core/dtype.ts';
import { applyOne } from '../../core/op.ts';
import type { Tensor } from '../../core/tensor.ts';
import { pointwise } from './pointwise.ts';

/** The smallest and largest numbers that both f32 and `dtype` represent. */
const rangeOf = (dtype: DType) => (dtype === 'i32' ? [-(2 ** 31), 2 ** 31 - 128] : [0, 2 ** 32 - 256]);

export const castOp = pointwise<{ from: DType; dtype: DType }>({
  name: 'cast',
  dtype: (_inputs, { dtype }) => dtype,
  wgsl: ([x], { dtype }) => `${dtype === 'f16' ? 'f32' : dtype}(${x})`,
  cpu([x], { from, dtype }) {
    if (isFloat(dtype)) return x;
    if (dtype === 'bool') return Number(x !== 0);
    // Integers keep their bits; floats are clamped to the range, as in WGSL.
    const [smallest, largest] = rangeOf(dtype);
    return isFloat(from) ? Math.min(Math.max(Math.trunc(x), smallest), largest) : x;
  },
  vjp: (g, { inputs: [x] }) => [isFloat(x.dtype) ? cast(g, x.dtype) : null],
  onnx(graph, { inputs: [x], attrs: { from, dtype } }) {
    if (!isFloat(from) || isFloat(dtype) || dtype === 'bool') return graph.cast(x, dtype);
    const wide = from === 'f16' ? graph.cast(x, 'f32') : x;
    const [smallest, largest] = rangeOf(dtype).map((bound) => graph.number(bound, 'f32'));
    return graph.cast(graph.node('Clip', [wide, smallest, largest]), dtype);
  },
});

/**
 * `x` as another dtype. To integers, floats are truncated and clamped to the type's range, and i32 and u32 keep their bits;
 * to bool, anything but 0 is true.
 */
export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x : applyOne(castOp, [x], { from: x.dtype, dtype });
