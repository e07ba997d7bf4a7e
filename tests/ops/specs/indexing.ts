// Specs of ops that gather, scatter and sort by index: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import { spec } from '../../../src/core/tensor.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { noAxis, shaped, wrongTypes } from './wrong.ts';

interface Axis {
  readonly axis: number;
}

/** The result, of two, that a case compares. */
interface Returns {
  readonly axis: number;
  readonly returns: keyof ops.Ordered;
}

const position = spec([], 'i32');

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
  argsort: {
    call: ([x], { axis, ...options }: { axis: number } & ops.SortOptions) => ops.argsort(x, axis, options),
    wrong: [noAxis({ axis: 2 }), { ...wrongTypes('bool'), attrs: { axis: 0 } }],
  },
  sort: {
    call: ([x], { axis, returns, ...options }: Returns & ops.SortOptions) => ops.sort(x, axis, options)[returns],
    wrong: [noAxis({ axis: 2 }), { ...wrongTypes('bool'), attrs: { axis: 0 } }],
  },
  topk: {
    call: ([x], { axis, k, returns, ...options }: Returns & { k: number; largest?: boolean }) =>
      ops.topk(x, k, axis, options)[returns],
    wrong: [
      noAxis({ k: 1, axis: 2 }),
      { inputs: shaped([2, 3]), attrs: { k: 4, axis: 1 } },
      { inputs: shaped([2, 3]), attrs: { k: -1, axis: 1 }, says: ['-1'] },
    ],
  },
  updateSlice: {
    call: ([value, at, cache], attrs: { axis: number }) => ops.updateSlice(value, at, cache, attrs),
    wrong: [
      { inputs: [spec([2, 3]), position, spec([1, 3])], attrs: { axis: 0 }, says: ['[2, 3]', '[1, 3]'] },
      { inputs: [spec([1, 3]), position, spec([4, 2])], attrs: { axis: 0 }, says: ['[1, 3]', '[4, 2]'] },
      { inputs: [spec([1, 3], 'i32'), position, spec([4, 3])], attrs: { axis: 0 }, says: ['i32'] },
      { inputs: [spec([1, 3]), spec([2], 'i32'), spec([4, 3])], attrs: { axis: 0 }, says: ['position', '[2]'] },
      { inputs: [spec([1, 3]), spec([]), spec([4, 3])], attrs: { axis: 0 }, says: ['position', 'f32'] },
    ],
  },
  dynamicSlice: {
    call: ([x, at], { size, axis }: { size: number; axis: number }) => ops.dynamicSlice(x, at, size, axis),
    wrong: [
      { inputs: [spec([4, 3]), position], attrs: { axis: 0, size: 5 }, says: ['5', '[4, 3]'] },
      { inputs: [spec([4, 3]), position], attrs: { axis: 2, size: 1 }, says: ['axis 2'] },
      { inputs: [spec([4, 3]), spec([3], 'u32')], attrs: { axis: 0, size: 1 }, says: ['[3]'] },
    ],
  },
};
