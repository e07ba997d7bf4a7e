// How ops that pick, add and arrange by index are called, and what they refuse.

import { spec } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';

interface Axis {
  readonly axis: number;
}

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
};
