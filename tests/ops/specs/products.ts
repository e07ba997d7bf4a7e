// How matrix products, convolution and pooling are called, and what they refuse.

import { spec } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

type Pair = [number, number];

interface PoolAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

const pool = (call: typeof ops.maxPool2d): OpSpec => ({
  call: ([x], { kernel, ...options }: PoolAttrs) => call(x, kernel, options),
  wrong: [
    { inputs: shaped([2, 3, 4]), attrs: { kernel: [2, 2] } },
    { inputs: shaped([1, 1, 2, 2]), attrs: { kernel: [3, 3] } },
    { inputs: shaped([1, 1, 5, 5]), attrs: { kernel: [2, 2], padding: [2, 2] }, says: ['[2,2]'] },
    { inputs: [spec([1, 1, 4, 4], 'i32')], attrs: { kernel: [2, 2] }, says: ['i32'] },
  ],
});

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

export const images: Record<string, OpSpec> = {
  conv2d: {
    call: ([x, weight, bias], attrs: { stride?: Pair; padding?: Pair; dilation?: Pair; groups?: number }) =>
      ops.conv2d(x, weight, bias, attrs),
    wrong: [
      { inputs: shaped([1, 3, 8, 8], [4, 2, 3, 3]) },
      { inputs: shaped([1, 3, 2, 2], [4, 3, 3, 3]) },
      { inputs: shaped([3, 8, 8], [4, 3, 3, 3]) },
      { inputs: shaped([1, 4, 8, 8], [3, 2, 3, 3]), attrs: { groups: 2 } },
      { inputs: shaped([1, 3, 8, 8], [4, 3, 3, 3], [3]), says: ['bias', '[4]', '[3]'] },
      { inputs: [spec([1, 3, 8, 8]), spec([4, 3, 3, 3], 'i32')], says: ['weight', 'i32'] },
    ],
  },
  maxPool2d: {
    ...pool(ops.maxPool2d),
    noSecondDerivative: 'the record of its gradient says so: nothing is known that would need one',
  },
  avgPool2d: pool(ops.avgPool2d),
};
