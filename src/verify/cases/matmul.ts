// Matrix products: sizes around tile edges, transposed operands, broadcast batches; weights of 4 and 8 bits.

import type { Shape } from '../../core/shape.ts';
import * as ops from '../../ops/index.ts';
import { rounded, type CheckTable } from '../allowed.ts';
import { floats, integers, type Values, type VerifyCase } from '../case.ts';

const product = (name: string, a: Shape, b: Shape, options = {}, most = 1): VerifyCase => ({
  name,
  inputs: [floats(a, -most, most), floats(b, -most, most)],
  call: ([x, y]) => ops.matmul(x, y, options),
});

/** [n, k] weights of `bits` bits; unsigned with `zeros`. */
const stored = (n: number, k: number, bits: 4 | 8, group: number, zeros: boolean): Values[] => [
  integers([n, (k * bits) / 32], 0, 2 ** 31, 'u32'),
  floats([n, k / group], 0.001, 0.01),
  ...(zeros ? [floats([n, k / group], 0, 2 ** bits - 1)] : []),
];

const quantizedProduct = (m: number, n: number, k: number, bits: 4 | 8, zeros = false): VerifyCase => ({
  name: `${m}x${k}x${n} ${bits}bits`,
  inputs: [floats([m, k]), ...stored(n, k, bits, 32, zeros)],
  call: ([x, packed, scales, offsets]) => ops.quantizedMatmul(x, packed, scales, { bits, group: 32 }, offsets),
});

export const matmulChecks: CheckTable = {
  // Zeros are subtracted, then one product; gradients sum up to 224 numbers up to 255, each rounded on the CPU. Measured 1.0
  // and 15; 0 and 84, where terms cancel. Without the table 1.0 and 3.4; 0 and 8.7.
  quantizedEmbedding: {
    cpu: [2, 60],
    gpu: [0, 256],
    cases: ([4, 8] as const).map((bits) => ({
      name: `${bits}bits`,
      inputs: [integers([2, 17], 0, 32), ...stored(33, 128, bits, 32, bits === 8)],
      call: ([ids, packed, scales, zeros]) => ops.quantizedEmbedding(ids, packed, scales, { bits, group: 32 }, zeros),
    })),
  },
  dequantize: {
    cpu: [2, 13],
    gpu: [0, 32],
    cases: ([4, 8] as const).map((bits) => ({
      name: `${bits}bits`,
      inputs: stored(5, 96, bits, 32, bits === 4),
      call: ([packed, scales, zeros]) => ops.dequantize(packed, scales, { bits, group: 32 }, zeros),
    })),
  },
  // Sums of up to 576 products; gradients of scales and zeros sum those of groups. Measured 0 and 106; 14.3 and 185.
  // f16: The gradient of a scale sums products with numbers up to 255 that cancel and that the CPU rounds first. Measured 10.1.
  quantizedMatmul: {
    cpu: [2, 256],
    gpu: [32, 512],
    f16: [2, 20],
    cases: [
      quantizedProduct(3, 33, 128, 4),
      quantizedProduct(3, 33, 128, 8, true),
      quantizedProduct(1, 5, 544, 4),
      quantizedProduct(66, 36, 32, 8),
      quantizedProduct(33, 17, 96, 4, true),
    ],
  },
  // Sums of up to 300 products below 1 (gradients 129). Measured 49, with tiles, and 12.9.
  matmul: {
    ...rounded,
    gpu: [96, 48],
    cases: [
      product('64x64', [64, 64], [64, 64]),
      product('odd', [33, 65], [65, 67]),
      product('row', [1, 129], [129, 31]),
      product('column', [65, 31], [31, 1]),
      product('transposed', [33, 66], [35, 33], { transposeA: true, transposeB: true }),
      product('tile of 128', [65, 33], [33, 130]),
      product('tiles in parts', [33, 259], [259, 34], {}, 0.5),
      product('sum in parts', [5, 300], [300, 7]),
      product('batches', [3, 1, 17, 9], [2, 9, 33]),
    ],
  },
  // The same, with up to 65 products, in verify 300. Measured 0.9 to 2.6 and 0.6 to 1.3; on Deno linear 23 and 7.8, dot 4.5, mv 7.9 and 5.2.
  bmm: {
    ...rounded,
    gpu: [3.6, 2.5],
    cases: [
      { name: 'odd', inputs: [floats([2, 9, 5], -1, 1), floats([2, 5, 7], -1, 1)], call: ([a, b]) => ops.bmm(a, b) },
    ],
  },
  dot: {
    ...rounded,
    gpu: [8, 0],
    cases: [{ name: 'odd', inputs: [floats([65], -1, 1), floats([65], -1, 1)], call: ([a, b]) => ops.dot(a, b) }],
  },
  einsum: {
    ...rounded,
    gpu: [7, 5],
    cases: [
      {
        name: 'heads',
        inputs: [floats([2, 3, 2, 5], -1, 1), floats([2, 7, 2, 5], -1, 1)],
        call: ([q, k]) => ops.einsum('bqhd,bkhd->bhqk', q, k),
      },
      {
        name: 'bilinear',
        inputs: [floats([3, 4], -1, 1), floats([2, 4, 5], -1, 1), floats([3, 5], -1, 1)],
        call: (xs) => ops.einsum('bi,oij,bj->bo', ...xs),
      },
      {
        name: 'dots',
        inputs: [floats([2, 1, 3, 4], -1, 1), floats([5, 4, 2], -1, 1)],
        call: (xs) => ops.einsum('...ij,...jk->...ik', ...xs),
      },
    ],
  },
  linear: {
    ...rounded,
    gpu: [48, 16],
    cases: [
      {
        name: 'bias',
        inputs: [floats([2, 3, 33], -1, 1), floats([5, 33], -1, 1), floats([5])],
        call: ([x, w, b]) => ops.linear(x, w, b),
      },
      { name: 'row', inputs: [floats([1, 130], -1, 1), floats([65, 130], -1, 1)], call: ([x, w]) => ops.linear(x, w) },
    ],
  },
  mv: {
    ...rounded,
    gpu: [16, 12],
    cases: [{ name: 'odd', inputs: [floats([33, 65], -1, 1), floats([65], -1, 1)], call: ([a, b]) => ops.mv(a, b) }],
  },
  // Gradients sum 33 products. Measured 3.4.
  // f16: Gradients of broadcast inputs are sums of terms that the CPU rounds first. Measured 3.5.
  outer: {
    cpu: [0, 2],
    gpu: [0, 13],
    f16: [2, 8],
    cases: [{ name: 'odd', inputs: [floats([33]), floats([5])], call: ([a, b]) => ops.outer(a, b) }],
  },
};
