// Undoes broadcasting in gradients: a value that was read several times gets the sum of its gradients.

import { sameShape, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { reshape } from '../movement/reshape.ts';
import { sum } from './reduce.ts';

/** Sums `x` over the axes along which `shape` broadcasts to `x.shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.shape.length - shape.length;
  const axes = x.shape.flatMap((dim, axis) =>
    axis < missing || (shape[axis - missing] === 1 && dim !== 1) ? [axis] : [],
  );
  const summed = axes.length > 0 ? sum(x, axes) : x;
  return sameShape(summed.shape, shape) ? summed : reshape(summed, shape);
}
