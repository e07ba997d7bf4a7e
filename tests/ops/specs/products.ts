// How matrix products are called, and what they refuse.

import { spec } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

export const matrices: Record<string, OpSpec> = {
  matmul: {
    call: ([a, b], attrs: { transposeA?: boolean; transposeB?: boolean }) => ops.matmul(a, b, attrs),
    wrong: [
      { inputs: shaped([2, 3], [4, 5]) },
      { inputs: shaped([2, 3], [3, 5]), attrs: { transposeA: true } },
      { inputs: shaped([3], [3, 5]) },
      { inputs: shaped([2, 4, 3], [3, 3, 5]), says: ['[2]', '[3]'] },
      { inputs: [spec([2, 3]), spec([3, 4], 'i32')], says: ['i32'] },
    ],
  },
};
