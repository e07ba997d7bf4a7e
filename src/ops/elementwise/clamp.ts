// Clamps values to bounds.

import { literal } from '../../../shaders/lib/literal.wgsl.ts';
import { applyOne } from '../../core/op.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ge, le } from './compare.ts';
import { isFloat } from '../../core/dtype.ts';
import { heldAs, inHeldType } from '../lib/onnx.ts';
import { alike, pointwise } from './pointwise.ts';
import { where } from './where.ts';

interface ClampAttrs {
  readonly min?: number;
  readonly max?: number;
}

const check = alike('clamp', 'f32', 'f16', 'i32', 'u32');

export const clampOp = pointwise<ClampAttrs>({
  name: 'clamp',
  dtype(inputs, { min = 0, max = 0 }) {
    const dtype = check(inputs);
    if (!isFloat(dtype) && !(Number.isInteger(min) && Number.isInteger(max))) {
      throw new Error(`clamp: bounds of ${dtype} must be integers, but are ${min} and ${max}.`);
    }
    return dtype;
  },
  wgsl([x], { min, max }, [dtype]) {
    const bound = (value: number) =>
      dtype === 'u32' ? literal(Math.max(value, 0), 'u32') : literal(value, dtype === 'i32' ? 'i32' : 'f32');
    const raised = min === undefined ? x : `max(${x}, ${bound(min)})`;
    return max === undefined ? raised : `min(${raised}, ${bound(max)})`;
  },
  cpu: ([x], { min = -Infinity, max = Infinity }) => Math.min(Math.max(x, min), max),
  vjp(g, { inputs: [x], attrs: { min, max } }) {
    const above = min === undefined ? g : where(ge(x, min), g, 0);
    return [max === undefined ? above : where(le(x, max), above, 0)];
  },
  onnx: inHeldType((graph, [x], { attrs: { min, max }, tensors: [{ dtype }] }) => {
    const bound = (value?: number) => (value === undefined ? null : graph.number(value, heldAs(dtype)));
    return graph.node('Clip', [x, bound(min), bound(max)]);
  }),
});

/** `x` clamped to `min` and `max`, one of which may be omitted; the gradient passes up to and including the bounds. */
export function clamp(x: Tensor, { min, max }: ClampAttrs): Tensor {
  if (min === undefined && max === undefined) throw new Error('clamp: needs min or max, but got neither.');
  return applyOne(clampOp, [x], { min, max });
}
