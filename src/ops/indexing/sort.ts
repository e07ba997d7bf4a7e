// The order of values along an axis: all of it, or the first few.

import { argsortGroup, argsortSerial, SERIAL_RUN, type SortShape } from '../../../shaders/indexing/sort.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { resolveAxis, rowOffset, rowsAlong, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { held } from '../lib/onnx.ts';

interface SortAttrs {
  readonly axis: number;
  readonly descending: boolean;
  /** Number of positions wanted, from the start of the sorted order. */
  readonly count: number;
}

/** Whether a precedes b: by value, NaN after all others. */
const byValue = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : a - b;

export const argsortOp: KernelOp<SortAttrs> = {
  name: 'argsort',
  kind: 'kernels',
  infer([x], { axis, count }) {
    expectDType('argsort', 'x', x, 'f32', 'f16', 'i32', 'u32');
    return [{ shape: x.shape.map((dim, i) => (i === axis ? count : dim)), dtype: 'i32' }];
  },
  cpu({ inputs: [x], outputs: [y], inputSpecs, attrs: { axis, descending, count } }) {
    const { rows, length, stride } = rowsAlong(inputSpecs[0].shape, axis);
    for (let row = 0; row < rows; row++) {
      const start = rowOffset({ length, stride }, row);
      const order = Int32Array.from({ length }, (_, i) => i).sort((a, b) => {
        const difference = byValue(x[start + a * stride], x[start + b * stride]);
        return (descending ? -difference : difference) || a - b;
      });
      const out = rowOffset({ length: count, stride }, row);
      for (let i = 0; i < count; i++) y[out + i * stride] = order[i];
    }
  },
  gpu({ inputs: [x], attrs: { axis, descending, count }, capabilities }) {
    const type = x.dtype === 'i32' || x.dtype === 'u32' ? x.dtype : 'f32';
    const shape: SortShape = { ...rowsAlong(x.shape, axis), type, given: elementType(x.dtype), descending, count };
    const [serial, group] = [argsortSerial(shape), argsortGroup(shape)];
    return capabilities.software || shape.length <= SERIAL_RUN ? [serial, group] : [group, serial];
  },
  vjp: 'none',
  flops: ([x], _outputs, { axis }) => Math.ceil(sizeOf(x.shape) * Math.log2(Math.max(2, x.shape[axis]))),
  onnx(graph, { inputs: [x], tensors: [{ dtype }], attrs: { axis, descending, count } }) {
    const inputs = [held(graph, x, dtype), graph.ints([count])];
    return graph.cast(graph.nodes('TopK', 2, inputs, { axis, largest: Number(descending), sorted: 1 })[1], 'i32');
  },
};

/** Positions of the first `count` values of x along `axis` in sorted order. */
export const firstInOrder = (x: Tensor, count: number, axis: number, descending: boolean): Tensor =>
  applyOne(argsortOp, [x], { axis, descending, count });

/** Options of `argsort` and `sort`. */
export interface SortOptions {
  /** From the largest to the smallest. */
  readonly descending?: boolean;
}

/**
 * The positions (i32) that sort x (f32, f16, i32 or u32) along `axis`, the last by default; equal values keep their order
 * in either direction, and NaN counts as the largest.
 */
export function argsort(x: Tensor, axis = -1, { descending = false }: SortOptions = {}): Tensor {
  const along = resolveAxis('argsort', axis, x.shape.length);
  return firstInOrder(x, x.shape[along], along, descending);
}
