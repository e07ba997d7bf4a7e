// Specs of ops that move values: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import { spec } from '../../../src/core/tensor.ts';
import type { PadOptions } from '../../../src/ops/movement/pad.ts';
import { loadCases, type OpCase } from '../../harness/fixtures.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { noAxis, shaped, wrongTypes } from './wrong.ts';

/** The cases of another op's fixture to which a function applies. */
const casesWhere = (op: string, fits: (one: OpCase) => boolean): OpCase[] => loadCases(op).filter(fits);

const swapsLastTwo = ({ attrs }: OpCase): boolean => {
  const order = attrs.order as number[];
  const rank = order.length;
  return rank >= 2 && order.every((axis, i) => axis === (i < rank - 2 ? i : 2 * rank - 3 - i));
};

interface Axis {
  readonly axis: number;
}

export const movement: Record<string, OpSpec> = {
  permute: {
    call: ([x], { order }: { order: number[] }) => ops.permute(x, order),
    wrong: [
      { inputs: shaped([2, 3]), attrs: { order: [0, 0] } },
      { inputs: shaped([2, 3]), attrs: { order: [0, 1, 2] } },
    ],
  },
  transpose: {
    call: ([x]) => ops.transpose(x),
    cases: casesWhere('permute', swapsLastTwo),
    wrong: [{ inputs: shaped([3]) }],
  },
  reshape: {
    call: ([x], { shape }: { shape: number[] }) => ops.reshape(x, shape),
    wrong: [
      { inputs: shaped([2, 3]), attrs: { shape: [4] }, says: ['[2, 3]', '[4]'] },
      { inputs: shaped([5]), attrs: { shape: [2, -1] }, says: ['[5]', '[2, -1]'] },
      { inputs: shaped([4]), attrs: { shape: [-2, -2] }, says: ['[4]', '[-2, -2]'] },
      { inputs: shaped([1]), attrs: { shape: [-1, -1] }, says: ['[1]', '[-1, -1]'] },
      { inputs: shaped([0, 3]), attrs: { shape: [0, -1] }, says: ['[0, 3]', '[0, -1]'] },
    ],
  },
  flatten: {
    call: ([x], { shape }: { shape: number[] }) => ops.flatten(x, shape.length - 1),
    cases: casesWhere('reshape', ({ name }) => ['flatten', 'same'].includes(name)),
    wrong: 'nothing',
  },
  expand: {
    call: ([x], { shape }: { shape: number[] }) => ops.expand(x, shape),
    wrong: [
      { inputs: shaped([2, 3]), attrs: { shape: [2, 4] }, says: ['[2, 3]', '[2, 4]'] },
      { inputs: shaped([2, 3]), attrs: { shape: [3] }, says: ['[2, 3]', '[3]'] },
    ],
  },
  slice: {
    call: ([x], { starts, ends, steps }: { starts: number[]; ends: number[]; steps?: number[] }) =>
      ops.slice(x, starts, ends, steps),
    wrong: [
      { inputs: shaped([2, 3]), attrs: { starts: [0, 0], ends: [2, 4] } },
      { inputs: shaped([2, 3]), attrs: { starts: [0], ends: [2] } },
      { inputs: shaped([5]), attrs: { starts: [-1], ends: [5] } },
      { inputs: shaped([5]), attrs: { starts: [0], ends: [5], steps: [0] } },
    ],
  },
  concat: {
    call: (tensors, { axis }: { axis: number }) => ops.concat(tensors, axis),
    wrong: [
      { inputs: shaped([2, 3], [2, 4]), attrs: { axis: 0 } },
      { inputs: shaped([2, 3], [2]), attrs: { axis: 0 } },
      { inputs: shaped([2, 3]), attrs: { axis: 2 }, says: ['axis 2', '2 axes'] },
      { inputs: [], attrs: { axis: 0 }, says: ['at least one'] },
      { ...wrongTypes('f32', 'i32'), attrs: { axis: 0 } },
    ],
  },
  pad: {
    call: ([x], { before, after, ...options }: { before: number[]; after: number[] } & PadOptions) =>
      ops.pad(x, before, after, options),
    wrong: [
      { inputs: shaped([2, 3]), attrs: { before: [0, 0], after: [0, 3], mode: 'reflect' } },
      { inputs: shaped([2, 3]), attrs: { before: [0, 4], after: [0, 0], mode: 'circular' } },
      { inputs: shaped([0, 3]), attrs: { before: [1, 0], after: [0, 0], mode: 'replicate' } },
      { inputs: shaped([2, 3]), attrs: { before: [1], after: [1], mode: 'replicate' } },
      { inputs: shaped([2, 3]), attrs: { before: [1], after: [1] } },
      { inputs: shaped([2, 3]), attrs: { before: [-1, 0], after: [0, 0] } },
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
};
