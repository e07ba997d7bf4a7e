// How ops that pick, add and arrange by index are called, and what they refuse.

import { spec } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { noAxis } from './reductions.ts';

interface Axis {
  readonly axis: number;
}

const triangle = (call: typeof ops.tril): OpSpec => ({
  call: ([x], { diagonal }: { diagonal?: number }) => call(x, diagonal),
  wrong: [{ inputs: [spec([3])] }, { inputs: [spec([3, 3])], attrs: { diagonal: 0.5 }, says: ['0.5'] }],
});

export const indexing: Record<string, OpSpec> = {
  gather: {
    call: ([x, index], { axis }: Axis) => ops.gather(x, index, axis),
    wrong: [
      { inputs: [spec([2, 3]), spec([2, 4], 'i32')], attrs: { axis: 0 } },
      { inputs: [spec([2, 3]), spec([2], 'i32')], attrs: { axis: 0 } },
      { inputs: [spec([2, 3]), spec([2, 3])], attrs: { axis: 0 }, says: ['index', 'i32', 'f32'] },
      { inputs: [spec([2, 3]), spec([2, 3], 'i32')], attrs: { axis: 2 }, says: ['axis 2', '2 axes'] },
    ],
  },
  scatterAdd: {
    call: ([base, index, source], { axis }: Axis) => ops.scatterAdd(base, index, source, axis),
    wrong: [
      { inputs: [spec([2, 3]), spec([2, 4], 'i32'), spec([2, 4])], attrs: { axis: 0 }, says: ['[2, 3]', '[2, 4]'] },
      { inputs: [spec([2, 3]), spec([4, 3], 'i32'), spec([2, 3])], attrs: { axis: 0 }, says: ['[4, 3]', '[2, 3]'] },
      { inputs: [spec([2]), spec([2]), spec([2])], attrs: { axis: 0 }, says: ['index', 'i32', 'f32'] },
      { inputs: [spec([2]), spec([2], 'i32'), spec([2], 'i32')], attrs: { axis: 0 }, says: ['f32', 'i32'] },
      {
        inputs: [spec([2], 'bool'), spec([2], 'i32'), spec([2], 'bool')],
        attrs: { axis: 0 },
        says: ['source', 'bool'],
      },
    ],
  },
  embedding: {
    call: ([ids, weight], options: ops.EmbeddingOptions) => ops.embedding(ids, weight, options),
    wrong: [
      { inputs: [spec([2]), spec([3, 4])], says: ['ids', 'i32', 'f32'] },
      { inputs: [spec([2], 'i32'), spec([3])], says: ['[3]'] },
      { inputs: [spec([2], 'i32'), spec([3, 4])], attrs: { paddingIdx: 3 }, says: ['paddingIdx 3', '[3, 4]'] },
    ],
  },
  indexSelect: {
    call: ([x, index], { axis }: Axis) => ops.indexSelect(x, index, axis),
    wrong: [
      { inputs: [spec([2, 3]), spec([2, 3], 'i32')], attrs: { axis: 0 }, says: ['list', '[2, 3]'] },
      { inputs: [spec([2, 3]), spec([2])], attrs: { axis: 0 }, says: ['i32', 'f32'] },
    ],
  },
  indexAdd: {
    call: ([base, index, source], { axis }: Axis) => ops.indexAdd(base, index, source, axis),
    wrong: [
      { inputs: [spec([2, 3]), spec([4], 'i32'), spec([3, 3])], attrs: { axis: 0 }, says: ['4', '[3, 3]', '[2, 3]'] },
      { inputs: [spec([2]), spec([1], 'i32'), spec([1], 'i32')], attrs: { axis: 0 }, says: ['f32', 'i32'] },
    ],
  },
  oneHot: {
    call: ([index], { classes }: { classes: number }) => ops.oneHot(index, classes),
    wrong: [
      { inputs: [spec([2])], attrs: { classes: 3 }, says: ['i32', 'f32'] },
      { inputs: [spec([2], 'i32')], attrs: { classes: 0 }, says: ['classes', '0'] },
    ],
  },
  flip: { call: ([x], { axes }: { axes: number[] }) => ops.flip(x, axes), wrong: [noAxis({ axes: [2] })] },
  roll: {
    call: ([x], { shifts, axes }: { shifts: number[]; axes: number[] }) => ops.roll(x, shifts, axes),
    wrong: [
      noAxis({ shifts: [1], axes: [2] }),
      { inputs: [spec([2])], attrs: { shifts: [1, 2], axes: [0] }, says: ['1,2'] },
    ],
  },
  stack: {
    call: (tensors, { axis }: Axis) => ops.stack(tensors, axis),
    wrong: [
      { inputs: [spec([2, 3]), spec([3, 2])], attrs: { axis: 0 } },
      { inputs: [], attrs: { axis: 0 }, says: ['at least one'] },
    ],
  },
  split: {
    call: ([x], { sizes, axis }: Axis & { sizes: number | number[] }) =>
      ops.concat(ops.split(x, sizes, axis).reverse(), axis),
    wrong: [
      { inputs: [spec([2, 3])], attrs: { sizes: [1, 1], axis: 1 }, says: ['[1,1]', '[2, 3]'] },
      { inputs: [spec([2, 3])], attrs: { sizes: 0, axis: 1 }, says: ['sizes', '0'] },
    ],
  },
  chunk: {
    call: ([x], { count, axis }: Axis & { count: number }) => ops.concat(ops.chunk(x, count, axis).reverse(), axis),
    wrong: [noAxis({ count: 2, axis: 2 }), { inputs: [spec([2])], attrs: { count: 0, axis: 0 }, says: ['count', '0'] }],
  },
  tile: {
    call: ([x], { counts }: { counts: number[] }) => ops.tile(x, counts),
    wrong: [{ inputs: [spec([2])], attrs: { counts: [-1] }, says: ['counts', '-1'] }],
  },
  repeatInterleave: {
    call: ([x], { count, axis }: Axis & { count: number }) => ops.repeatInterleave(x, count, axis),
    wrong: [noAxis({ count: 2, axis: 2 }), { inputs: [spec([2])], attrs: { count: -1, axis: 0 }, says: ['-1'] }],
  },
  squeeze: {
    call: ([x], { axes }: { axes?: number }) => ops.squeeze(x, axes),
    wrong: [noAxis({ axes: 2 })],
  },
  unsqueeze: {
    call: ([x], { axis }: Axis) => ops.unsqueeze(x, axis),
    wrong: [{ inputs: [spec([2, 3])], attrs: { axis: 3 }, says: ['axis 3', '3 axes'] }],
  },
  movedim: {
    call: ([x], { source, destination }: { source: number | number[]; destination: number | number[] }) =>
      ops.movedim(x, source, destination),
    wrong: [
      noAxis({ source: 2, destination: 0 }),
      { inputs: [spec([2, 3])], attrs: { source: [0, 0], destination: [0, 1] } },
    ],
  },
  tril: triangle(ops.tril),
  triu: triangle(ops.triu),
  maskedFill: {
    call: ([x, mask], { value }: { value: number }) => ops.maskedFill(x, mask, value),
    wrong: [{ inputs: [spec([2]), spec([2])], attrs: { value: 0 }, says: ['mask', 'f32'] }],
  },
  arange: {
    call: (_, { end, ...options }: { end: number } & ops.RangeOptions) => ops.arange(end, options),
    wrong: [
      { inputs: [], attrs: { end: 5, step: -1 }, says: ['5', '-1'] },
      { inputs: [], attrs: { end: 1, step: 0.5, dtype: 'i32' }, says: ['i32', 'steps of 0.5', 'use f32'] },
    ],
  },
  linspace: {
    call: (_, { start, end, count }: { start: number; end: number; count: number }) => ops.linspace(start, end, count),
    wrong: [{ inputs: [], attrs: { start: 0, end: 1, count: -1 }, says: ['count', '-1'] }],
  },
  eye: {
    call: (_, { rows, columns }: { rows: number; columns: number }) => ops.eye(rows, columns),
    wrong: [{ inputs: [], attrs: { rows: -1, columns: 2 }, says: ['-1'] }],
  },
};
