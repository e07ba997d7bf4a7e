// Selects between two tensors, elementwise.

import { applyOne } from '../../core/op.ts';
import type { Tensor, TensorLike } from '../../core/tensor.ts';
import { inHeldType } from '../lib/onnx.ts';
import { alike, operands, pointwise } from './pointwise.ts';

const check = alike('where', 'f32', 'f16', 'i32', 'u32', 'bool');

export const whereOp = pointwise({
  name: 'where',
  dtype([condition, ...choices]) {
    if (condition.dtype !== 'bool') throw new Error(`where: the condition must be bool, but is ${condition.dtype}.`);
    return check(choices);
  },
  wgsl: ([condition, a, b]) => `select(${b}, ${a}, ${condition})`,
  cpu: ([condition, a, b]) => (condition ? a : b),
  vjp: (g, { inputs: [condition] }) => [null, where(condition, g, 0), where(condition, 0, g)],
  onnx: inHeldType((graph, inputs) => graph.node('Where', inputs), 1),
});

/** `a` where `condition` holds, `b` elsewhere; the three shapes broadcast. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return applyOne(whereOp, [condition, ...operands(a, b)], {});
}
