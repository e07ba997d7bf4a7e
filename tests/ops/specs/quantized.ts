// How ops on weights of 4 and 8 bits are called, and what they refuse.

import { spec, type Tensor, type TensorSpec } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';

/** A fixture holds no u32: the same bits. */
const words = (packed: Tensor): Tensor => (packed.dtype === 'i32' ? ops.cast(packed, 'u32') : packed);

const fourBits: ops.Quantization = { bits: 4, group: 8 };

/** What does not fit rows of 16 weights, `before` the packed ones. */
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

export const quantized: Record<string, OpSpec> = {
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
