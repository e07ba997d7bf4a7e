// Broadcasts a tensor along axes of size 1.

import { applyOne } from '../../core/op.ts';
import { broadcastShapes, formatShape, sameShape, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { pointwise } from '../elementwise/pointwise.ts';

export const expandOp = pointwise<{ shape: Shape }>({
  name: 'expand',
  dtype: ([x]) => x.dtype,
  shape([x], { shape }) {
    if (!sameShape(broadcastShapes('expand', x.shape, shape), shape)) {
      throw new Error(`expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}.`);
    }
    return shape;
  },
  wgsl: ([x]) => x,
  cpu: ([x]) => x,
  vjp: (g) => [g],
  onnx: (graph, { inputs: [x], attrs: { shape } }) => graph.expand(x, shape),
});

/** `x` broadcast to `shape`. */
export const expand = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : applyOne(expandOp, [x], { shape });
