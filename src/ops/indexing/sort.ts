// The order of values along an axis: all of it, or the first few.

import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import {
  GROUP_RUN,
  mergeArguments,
  mergeKernel,
  SERIAL_RUN,
  sortRunsGroupKernel,
  sortRunsSerialKernel,
  type MergePass,
  type SortShape,
} from '../../../shaders/indexing/sort.wgsl.ts';
import { linearGrid, type Binding, type Kernel, type Variant } from '../../core/kernel.ts';
import { applyOne, expectDType, type KernelCall, type KernelOp } from '../../core/op.ts';
import { resolveAxis, rowOffset, rowsAlong, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { elementType } from '../lib/element-type.ts';
import { held } from '../lib/onnx.ts';

interface SortAttrs {
  readonly axis: number;
  readonly descending: boolean;
  /** How many positions are wanted: the first of the sorted order. */
  readonly count: number;
}

/** The merges of a row whose runs of `run` elements are sorted. */
function mergePasses(length: number, count: number, run: number): MergePass[] {
  const passes: MergePass[] = [];
  for (let width = run; width < length; width *= 2) {
    passes.push({
      width,
      held: Math.min(count, width),
      next: Math.min(count, 2 * width),
      runs: Math.ceil(length / width),
      half: (passes.length % 2) as 0 | 1,
    });
  }
  return passes;
}

function variant(kind: 'serial' | 'group', call: KernelCall<SortAttrs>): Variant {
  const [x] = call.inputs;
  const { axis, descending, count } = call.attrs;
  const rows = rowsAlong(x.shape, axis);
  const run = kind === 'serial' ? SERIAL_RUN : Math.min(GROUP_RUN, 2 ** Math.ceil(Math.log2(Math.max(2, rows.length))));
  const type = x.dtype === 'i32' || x.dtype === 'u32' ? x.dtype : 'f32';
  const passes = mergePasses(rows.length, count, run);
  const space = Math.max(0, ...passes.map(({ runs, held }) => runs * held));
  const shape: SortShape = { ...rows, type, descending, count, run, space };
  const runs = rows.rows * Math.ceil(rows.length / run);

  const read: Binding = { name: 'x', type: elementType(x.dtype) };
  const pairs: Binding = { name: 'pairs', type: 'u32' };
  const y: Binding = { name: 'y', type: 'i32' };
  const sorted: Omit<Kernel, 'inputs' | 'outputs'> = {
    name: `argsort.${kind}`,
    ...(kind === 'serial'
      ? { wgsl: sortRunsSerialKernel(shape), workgroups: linearGrid(runs, LINEAR_WORKGROUP) }
      : { wgsl: sortRunsGroupKernel(shape), workgroups: linearGrid(runs, 1) }),
  };
  if (passes.length === 0) return { name: kind, kernels: [{ ...sorted, inputs: [read], outputs: [y] }] };
  const merges = passes.map((pass, i): Kernel => {
    const last = i === passes.length - 1;
    return {
      name: 'argsort.merge',
      wgsl: mergeKernel(shape, last),
      inputs: [null, pairs],
      outputs: [last ? y : null],
      workgroups: linearGrid(rows.rows * pass.runs * pass.held, LINEAR_WORKGROUP),
      arguments: mergeArguments(pass),
    };
  });
  return {
    name: kind,
    kernels: [{ ...sorted, inputs: [read, pairs], outputs: [null] }, ...merges],
    scratch: [{ shape: [2, rows.rows, space, 2], dtype: 'u32' }],
  };
}

/** a before b: by value, NaN after all others. */
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
  gpu(call) {
    const [serial, group] = [variant('serial', call), variant('group', call)];
    const short = call.inputs[0].shape[call.attrs.axis] <= SERIAL_RUN;
    return call.capabilities.software || short ? [serial, group] : [group, serial];
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
