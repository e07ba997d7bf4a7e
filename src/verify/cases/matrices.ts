// Matrix products: sizes around tile edges, transposed operands, batches that broadcast.

import * as ops from '../../ops/index.ts';
import { floats, type CaseTable, type VerifyCase } from '../case.ts';
import type { Shape } from '../../core/shape.ts';

const product = (name: string, a: Shape, b: Shape, options = {}, most = 1): VerifyCase => ({
  name,
  inputs: [floats(a, -most, most), floats(b, -most, most)],
  call: ([x, y]) => ops.matmul(x, y, options),
});

export const matrices: CaseTable = {
  matmul: [
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
  linear: [
    { name: 'bias', inputs: [floats([2, 3, 33], -1, 1), floats([5, 33], -1, 1), floats([5])], call: ([x, w, b]) => ops.linear(x, w, b) },
    { name: 'row', inputs: [floats([1, 130], -1, 1), floats([65, 130], -1, 1)], call: ([x, w]) => ops.linear(x, w) },
  ],
  einsum: [
    { name: 'heads', inputs: [floats([2, 3, 2, 5], -1, 1), floats([2, 7, 2, 5], -1, 1)], call: ([q, k]) => ops.einsum('bqhd,bkhd->bhqk', q, k) },
    { name: 'bilinear', inputs: [floats([3, 4], -1, 1), floats([2, 4, 5], -1, 1), floats([3, 5], -1, 1)], call: (xs) => ops.einsum('bi,oij,bj->bo', ...xs) },
    { name: 'dots', inputs: [floats([2, 1, 3, 4], -1, 1), floats([5, 4, 2], -1, 1)], call: (xs) => ops.einsum('...ij,...jk->...ik', ...xs) },
  ],
  outer: [{ name: 'odd', inputs: [floats([33]), floats([5])], call: ([a, b]) => ops.outer(a, b) }],
  dot: [{ name: 'odd', inputs: [floats([65], -1, 1), floats([65], -1, 1)], call: ([a, b]) => ops.dot(a, b) }],
  mv: [{ name: 'odd', inputs: [floats([33, 65], -1, 1), floats([65], -1, 1)], call: ([a, b]) => ops.mv(a, b) }],
  bmm: [{ name: 'odd', inputs: [floats([2, 9, 5], -1, 1), floats([2, 5, 7], -1, 1)], call: ([a, b]) => ops.bmm(a, b) }],
}; // prettier-ignore
