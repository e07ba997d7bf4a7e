// Weights of 4 and 8 bits.

import * as ops from '../../ops/index.ts';
import { floats, integers, type CaseTable, type Values, type VerifyCase } from '../case.ts';

/** [n, k] weights of `bits` bits; with `zeros` numbers without sign. */
const stored = (n: number, k: number, bits: 4 | 8, group: number, zeros: boolean): Values[] => [
  integers([n, (k * bits) / 32], 0, 2 ** 31, 'u32'),
  floats([n, k / group], 0.001, 0.01),
  ...(zeros ? [floats([n, k / group], 0, 2 ** bits - 1)] : []),
];

const product = (m: number, n: number, k: number, bits: 4 | 8, zeros = false): VerifyCase => ({
  name: `${m}x${k}x${n} ${bits}bits`,
  inputs: [floats([m, k]), ...stored(n, k, bits, 32, zeros)],
  call: ([x, packed, scales, offsets]) => ops.quantizedMatmul(x, packed, scales, { bits, group: 32 }, offsets),
});

export const quantized: CaseTable = {
  dequantize: ([4, 8] as const).map((bits) => ({
    name: `${bits}bits`,
    inputs: stored(5, 96, bits, 32, bits === 4),
    call: ([packed, scales, zeros]) => ops.dequantize(packed, scales, { bits, group: 32 }, zeros),
  })),
  quantizedEmbedding: ([4, 8] as const).map((bits) => ({
    name: `${bits}bits`,
    inputs: [integers([2, 17], 0, 32), ...stored(33, 128, bits, 32, bits === 8)],
    call: ([ids, packed, scales, zeros]) => ops.quantizedEmbedding(ids, packed, scales, { bits, group: 32 }, zeros),
  })),
  quantizedMatmul: [
    product(3, 33, 128, 4),
    product(3, 33, 128, 8, true),
    product(1, 5, 544, 4),
    product(66, 36, 32, 8),
    product(33, 17, 96, 4, true),
  ],
};
