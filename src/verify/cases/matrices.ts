// Matrix products: sizes around tile edges, transposed operands, batches that broadcast.

import * as ops from '../../ops/index.ts';
import { floats, type CaseTable, type VerifyCase } from '../case.ts';
import type { Shape } from '../../core/shape.ts';

const product = (name: string, a: Shape, b: Shape, options = {}): VerifyCase => ({
  name,
  inputs: [floats(a, -1, 1), floats(b, -1, 1)],
  call: ([x, y]) => ops.matmul(x, y, options),
});

export const matrices: CaseTable = {
  matmul: [
    product('64x64', [64, 64], [64, 64]),
    product('odd', [33, 65], [65, 67]),
    product('row', [1, 129], [129, 31]),
    product('column', [65, 31], [31, 1]),
    product('transposed', [33, 66], [35, 33], { transposeA: true, transposeB: true }),
    product('batches', [3, 1, 17, 9], [2, 9, 33]),
  ],
};
