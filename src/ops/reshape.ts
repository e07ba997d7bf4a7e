// The same values under another shape: no copy is made.

import { applyOne, type Op } from '../core/op.ts';
import { formatShape, sameShape, sizeOf, type Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';

export const reshapeOp: Op<{ shape: Shape }> = {
  name: 'reshape',
  infer([x], { shape }) {
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw new Error(
        `reshape: ${formatShape(x.shape)} holds ${sizeOf(x.shape)} values, but ${formatShape(shape)} needs ${sizeOf(shape)}.`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  cpu: ({ inputs, outputs }) => outputs[0].set(inputs[0]),
  gpu: 'view',
  vjp: ({ inputs, gradients }) => [reshape(gradients[0]!, inputs[0].shape)],
};

/** `x` as `shape`, in which one axis may be -1: whatever is left. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((size, dim) => (dim === -1 ? size : size * dim), 1);
  const resolved = shape.map((dim) => (dim === -1 && known > 0 ? x.size / known : dim));
  return sameShape(x.shape, resolved) ? x : applyOne(reshapeOp, [x], { shape: resolved });
}

/** `x` with all axes from `start` on made one: [N, C, H, W] → [N, C·H·W]. */
export const flatten = (x: Tensor, start = 1): Tensor =>
  reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start))]);
