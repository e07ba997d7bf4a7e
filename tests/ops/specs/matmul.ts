// Specs of matrix products, also with weights of 4 and 8 bits: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import { spec, type Tensor, type TensorSpec } from '../../../src/core/tensor.ts';
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

/** Fixtures have no u32, so their i32 are reinterpreted. */
const words = (packed: Tensor): Tensor => (packed.dtype === 'i32' ? ops.cast(packed, 'u32') : packed);

const fourBits: ops.Quantization = { bits: 4, group: 8 };

/** Invalid inputs for rows of 16 weights; `before` are the inputs before the packed weights. */
const unfit = (...before: TensorSpec[]): WrongInputs[] => [
  { inputs: [...before, spec([3, 2], 'u32'), spec([2, 2])], attrs: fourBits, says: ['[3, 2]', '[2, 2]', '[N, 2]'] },
  { inputs: [...before, spec([3, 2], 'u32'), spec([3, 2])], attrs: { bits: 4, group: 12 }, says: ['12', '16'] },
  { inputs: [...before, spec([3, 2], 'u32'), spec([3, 2]), spec([3, 1])], attrs: fourBits, says: ['zeros', '[3, 1]'] },
  {
    inputs: [...before, spec([3, 2], 'u32'), spec([3, 2]), spec([3, 2], 'f16')],
    attrs: fourBits,
    says: ['zeros', 'f16'],
  },
  { inputs: [...before, spec([3, 2]), spec([3, 2])], attrs: fourBits, says: ['packed', 'f32'] },
];

export const matmul: Record<string, OpSpec> = {
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
      { inputs: shaped([2, 3]), attrs: { equation: 'ij->ik' }, says: ['k is not an axis of any tensor'] },
      { inputs: shaped([2, 3]), attrs: { equation: '..j->j' }, says: ['write letters'] },
      { inputs: shaped([2, 3]), attrs: { equation: '...j...->j' }, says: ['write letters'] },
      { inputs: shaped([2]), attrs: { equation: '...ij->j' }, says: ['names 2 axes'] },
      { inputs: shaped([2, 3], [3, 3]), attrs: { equation: '...j,...j->j' }, says: ["axis of '...' is 2", '3'] },
      { inputs: shaped([2, 3]), attrs: { equation: 'ijk->k' }, says: ['names 3 axes'] },
    ],
  },
  dequantize: {
    call: ([packed, scales, zeros], attrs: ops.Quantization) => ops.dequantize(words(packed), scales, attrs, zeros),
    wrong: unfit(),
  },
  quantizedEmbedding: {
    call: ([ids, packed, scales, zeros], attrs: ops.Quantization) =>
      ops.quantizedEmbedding(ids, words(packed), scales, attrs, zeros),
    wrong: [
      { inputs: [spec([2]), spec([3, 2], 'u32'), spec([3, 2])], attrs: fourBits, says: ['ids', 'f32'] },
      ...unfit(spec([2], 'i32')),
    ],
  },
  quantizedMatmul: {
    call: ([x, packed, scales, zeros], attrs: ops.Quantization) =>
      ops.quantizedMatmul(x, words(packed), scales, attrs, zeros),
    wrong: [
      { inputs: [spec([2, 16]), spec([3, 3], 'u32'), spec([3, 2])], attrs: fourBits, says: ['[3, 3]', '16'] },
      { inputs: [spec([2, 16], 'i32'), spec([3, 2], 'u32'), spec([3, 2])], attrs: fourBits, says: ['i32'] },
      ...unfit(spec([2, 16])),
    ],
  },
};
