// The same values with another shape, without a copy.

import { applyOne, type ViewOp } from '../../core/op.ts';
import { formatShape, sameShape, sizeOf, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

export const reshapeOp: ViewOp<{ shape: Shape }> = {
  name: 'reshape',
  kind: 'view',
  infer([x], { shape }) {
    if (sizeOf(shape) !== sizeOf(x.shape) || shape.some((dim) => !Number.isInteger(dim) || dim < 0)) {
      throw new Error(
        `reshape: the ${sizeOf(x.shape)} values of ${formatShape(x.shape)} do not fill ${formatShape(shape)}.`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  cpu: ({ inputs, outputs }) => outputs[0].set(inputs[0]),
  vjp: ({ inputs, gradients }) => [reshape(gradients[0]!, inputs[0].shape)],
  onnx: (graph, { inputs: [x], attrs: { shape } }) => graph.reshape(x, shape),
};

/** `x` as `shape`, in which one axis may be -1: it is inferred. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = sizeOf(shape.filter((dim) => dim !== -1));
  const left = x.size / known;
  // If it is not an integer, -1 stays, and the error shows the shape as given.
  const resolved =
    shape.filter((dim) => dim === -1).length === 1 && Number.isInteger(left)
      ? shape.map((dim) => (dim === -1 ? left : dim))
      : shape;
  return sameShape(x.shape, resolved) ? x : applyOne(reshapeOp, [x], { shape: resolved });
}

/** `x` with all axes from `start` on merged: [N, C, H, W] → [N, C·H·W]. */
export const flatten = (x: Tensor, start = 1): Tensor =>
  reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start))]);
