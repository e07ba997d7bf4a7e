// Reorders axes: by a copy, unless only axes of size 1 move.

import { asTranspose, gatherCopy, permuteTiled } from '../../../shaders/movement/copy.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import { applyOne, type KernelOp } from '../../core/op.ts';
import { formatShape, stridedOffsets, stridesOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { reshape } from './reshape.ts';

interface PermuteAttrs {
  readonly order: readonly number[];
}

export const permuteOp: KernelOp<PermuteAttrs> = {
  name: 'permute',
  kind: 'kernels',
  infer([x], { order }) {
    if ([...order].sort((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== x.shape.length) {
      throw new Error(`permute: order [${order}] must name each axis of ${formatShape(x.shape)} once.`);
    }
    return [{ shape: order.map((axis) => x.shape[axis]), dtype: x.dtype }];
  },
  cpu({ inputs: [x], outputs: [y], inputSpecs, outputSpecs, attrs }) {
    const strides = stridesOf(inputSpecs[0].shape);
    const offsets = stridedOffsets(
      outputSpecs[0].shape,
      attrs.order.map((axis) => strides[axis]),
    );
    for (let i = 0; i < y.length; i++) y[i] = x[offsets[i]];
  },
  gpu({ inputs: [x], outputs: [y], attrs, capabilities }) {
    const strides = stridesOf(x.shape);
    const places = { shape: y.shape, strides: attrs.order.map((axis) => strides[axis]), type: elementType(x.dtype) };
    const copy = { name: 'copy', kernels: [gatherCopy('permute', { ...places, base: 0 }, capabilities)] };
    const transpose = asTranspose(places);
    if (!transpose) return [copy];
    const tiled = { name: 'tiled', kernels: [permuteTiled(transpose)] };
    const isNarrow = Math.min(transpose.rows, transpose.columns) < 16;
    return capabilities.software || isNarrow ? [copy, tiled] : [tiled, copy];
  },
  vjp: ({ gradients, attrs }) => [permute(gradients[0]!, attrs.order.map((_, axis) => attrs.order.indexOf(axis)))], // prettier-ignore
  onnx: (graph, { inputs: [x], attrs: { order } }) => graph.node('Transpose', [x], { perm: order }),
};

/** `x` with its axes in a new order: axis i of the result is axis `order[i]` of `x`. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const y = applyOne(permuteOp, [x], { order });
  const long = order.filter((axis) => x.shape[axis] !== 1);
  return long.every((axis, i) => i === 0 || long[i - 1] < axis) ? reshape(x, y.shape) : y;
}

/** `x` with its last two axes swapped. */
export function transpose(x: Tensor): Tensor {
  const rank = x.shape.length;
  if (rank < 2) throw new Error(`transpose: needs at least 2 axes, but x is ${formatShape(x.shape)}.`);
  return permute(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}
