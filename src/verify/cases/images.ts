// Convolution and pooling: stride, padding, dilation, groups, windows that overlap and windows that tile.

import * as ops from '../../ops/index.ts';
import { floats, type CaseTable, type VerifyCase } from '../case.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Shape } from '../../core/shape.ts';

const conv = (name: string, image: Shape, weight: Shape, options = {}, bias = true): VerifyCase => ({
  name,
  inputs: [image, weight, ...(bias ? [[weight[0]]] : [])].map((shape) => floats(shape, -1, 1)),
  call: ([x, w, b]) => ops.conv2d(x, w, b, options),
});

type Pool = (x: Tensor, kernel: number | [number, number], options?: { stride?: number; padding?: number }) => Tensor;

const pool = (call: Pool): VerifyCase[] => [
  { name: 'tiles', inputs: [floats([2, 3, 8, 12])], call: ([x]) => call(x, 2) },
  { name: 'overlaps', inputs: [floats([2, 3, 9, 11])], call: ([x]) => call(x, 3, { stride: 2, padding: 1 }) },
  { name: 'oblong', inputs: [floats([1, 5, 7, 13])], call: ([x]) => call(x, [2, 3]) },
];

export const images: CaseTable = {
  conv2d: [
    conv('5x5', [2, 3, 13, 13], [6, 3, 5, 5]),
    conv('padded', [3, 5, 9, 11], [7, 5, 3, 3], { padding: 1 }, false),
    conv('stride', [2, 4, 11, 9], [5, 4, 3, 3], { stride: 2, padding: 1 }),
    conv('dilated', [1, 3, 13, 11], [4, 3, 3, 3], { dilation: 2 }),
    conv('groups', [2, 6, 8, 9], [4, 3, 3, 3], { groups: 2 }),
    conv('depthwise', [2, 8, 9, 9], [8, 1, 3, 3], { groups: 8, padding: 1 }),
    conv('1x1', [2, 16, 5, 5], [9, 16, 1, 1]),
  ],
  maxPool2d: pool(ops.maxPool2d),
  avgPool2d: pool(ops.avgPool2d),
};
