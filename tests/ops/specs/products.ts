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
      { inputs: [spec([2, 3]), spec([3, 4], 'f16')], says: ['a f32, b f16'] },
    ],
  },
  linear: {
    call: ([x, weight, bias]) => ops.linear(x, weight, bias),
    wrong: [
      { inputs: shaped([2, 3], [4, 2]) },
      { inputs: shaped([2, 3], [3]), says: ['weight', '[3]'] },
      { inputs: shaped([2, 3], [4, 3], [3]), says: ['bias', '[4]', '[3]'] },
    ],
  },
  outer: { call: ([a, b]) => ops.outer(a, b), wrong: [{ inputs: shaped([2, 3], [3]), says: ['[2, 3]'] }] },
  dot: { call: ([a, b]) => ops.dot(a, b), wrong: [{ inputs: shaped([2], [3]) }] },
  mv: { call: ([a, b]) => ops.mv(a, b), wrong: [{ inputs: shaped([2, 3], [2]) }] },
  bmm: { call: ([a, b]) => ops.bmm(a, b), wrong: [{ inputs: shaped([2, 3, 4], [3, 4, 5]) }] },
  einsum: {
    call: (operands, { equation }: { equation: string }) => ops.einsum(equation, ...operands),
    wrong: [
      {
        inputs: shaped([2, 3], [3, 4]),
        attrs: { equation: 'ij,kj->ik' },
        says: ['[2, 3], [3, 4]', 'axis j is 3', '4'],
      },
      { inputs: shaped([2, 3]), attrs: { equation: 'ij,jk->ik' }, says: ['2 tensors'] },
      { inputs: shaped([2, 2]), attrs: { equation: 'ii->i' }, says: ['diagonals'] },
      { inputs: shaped([2, 3]), attrs: { equation: 'ij->ii' }, says: ["'ii' repeats a letter"] },
      { inputs: shaped([2, 3]), attrs: { equation: 'ij->ik' }, says: ['k is an axis of no tensor'] },
      { inputs: shaped([2, 3]), attrs: { equation: '..j->j' }, says: ['write letters'] },
      { inputs: shaped([2, 3]), attrs: { equation: '...j...->j' }, says: ['write letters'] },
      { inputs: shaped([2]), attrs: { equation: '...ij->j' }, says: ['names 2 axes'] },
      { inputs: shaped([2, 3], [3, 3]), attrs: { equation: '...j,...j->j' }, says: ["axis of '...' is 2", '3'] },
      { inputs: shaped([2, 3]), attrs: { equation: 'ijk->k' }, says: ['names 3 axes'] },
    ],
  },
};
