// Reorders axes, by a copy.

import { gatherKernel } from '../../shaders/copy.wgsl.ts';
import { applyOne, type Op } from '../core/op.ts';
import { linearGrid } from '../core/kernel.ts';
import { formatShape, sizeOf, stridedOffsets, stridesOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { LINEAR_WORKGROUP } from '../../shaders/lib/grid.wgsl.ts';
import { elementType } from './element-type.ts';

interface PermuteAttrs {
  readonly order: readonly number[];
}

export const permuteOp: Op<PermuteAttrs> = {
  name: 'permute',
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
  gpu({ inputs: [x], outputs: [y], attrs }) {
    const strides = stridesOf(x.shape);
    const type = elementType(x.dtype);
    return [
      {
        name: 'copy',
        kernels: [
          {
            name: 'permute.copy',
            wgsl: gatherKernel({ shape: y.shape, strides: attrs.order.map((axis) => strides[axis]), base: 0 }),
            inputs: [{ name: 'x', type }],
            outputs: [{ name: 'y', type }],
            workgroups: linearGrid(sizeOf(y.shape), LINEAR_WORKGROUP),
          },
        ],
      },
    ];
  },
  vjp: ({ gradients, attrs }) => [permute(gradients[0]!, attrs.order.map((_, axis) => attrs.order.indexOf(axis)))], // prettier-ignore
};

/** `x` with its axes in a new order: axis i of the result is axis `order[i]` of `x`. */
export const permute = (x: Tensor, order: readonly number[]): Tensor => applyOne(permuteOp, [x], { order });

/** `x` with its last two axes swapped. */
export function transpose(x: Tensor): Tensor {
  const rank = x.shape.length;
  if (rank < 2) throw new Error(`transpose: needs at least two axes, but got ${formatShape(x.shape)}.`);
  return permute(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}
