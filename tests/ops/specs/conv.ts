// Specs of convolutions, pooling and resizing: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import { spec } from '../../../src/core/tensor.ts';
import type { Conv1dOptions, ConvTranspose1dOptions } from '../../../src/ops/conv/convolutions.ts';
import type { InterpolateOptions } from '../../../src/ops/conv/interpolate.ts';
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

type Pair = [number, number];

interface PoolAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

const pool2d = (call: typeof ops.maxPool2d): OpSpec => ({
  call: ([x], { kernel, ...options }: PoolAttrs) => call(x, kernel, options),
  wrong: [
    { inputs: shaped([2, 3, 4]), attrs: { kernel: [2, 2] } },
    { inputs: shaped([1, 1, 2, 2]), attrs: { kernel: [3, 3] } },
    { inputs: shaped([1, 1, 5, 5]), attrs: { kernel: [2, 2], padding: [2, 2] }, says: ['[2,2]'] },
    { inputs: [spec([1, 1, 4, 4], 'i32')], attrs: { kernel: [2, 2] }, says: ['i32'] },
  ],
});

const pool1d = (call: typeof ops.maxPool1d): OpSpec => ({
  call: ([x], { kernel, ...options }: { kernel: number }) => call(x, kernel, options),
  wrong: [
    { inputs: shaped([2, 3]), attrs: { kernel: 2 } },
    { inputs: shaped([1, 2, 3]), attrs: { kernel: 4 } },
    { inputs: [spec([1, 1, 4], 'i32')], attrs: { kernel: 2 }, says: ['i32'] },
  ],
});

const adaptivePool = (call: typeof ops.adaptiveAvgPool2d): OpSpec => ({
  call: ([x], { outputSize }: { outputSize: number | Pair }) => call(x, outputSize),
  wrong: [
    { inputs: shaped([2, 3, 4]), attrs: { outputSize: 2 } },
    { inputs: shaped([1, 1, 4, 4]), attrs: { outputSize: [0, 3] } },
    { inputs: shaped([1, 1, 0, 4]), attrs: { outputSize: 3 } },
    { inputs: [spec([1, 1, 4, 4], 'i32')], attrs: { outputSize: 3 }, says: ['i32'] },
  ],
});

interface ConvAttrs {
  stride?: Pair;
  padding?: Pair;
  outputPadding?: Pair;
  dilation?: Pair;
  groups?: number;
}

const wrongSequences: readonly WrongInputs[] = [
  { inputs: shaped([1, 3, 8, 8], [4, 3, 3]) },
  { inputs: shaped([1, 3, 8], [4, 2, 3]) },
  { inputs: [spec([1, 3, 8]), spec([3, 3, 3], 'i32')], says: ['weight', 'i32'] },
];

export const conv: Record<string, OpSpec> = {
  conv2d: {
    call: ([x, weight, bias], attrs: ConvAttrs) => ops.conv2d(x, weight, bias, attrs),
    wrong: [
      { inputs: shaped([1, 3, 8, 8], [4, 2, 3, 3]) },
      { inputs: shaped([1, 3, 2, 2], [4, 3, 3, 3]) },
      { inputs: shaped([3, 8, 8], [4, 3, 3, 3]) },
      { inputs: shaped([1, 4, 8, 8], [3, 2, 3, 3]), attrs: { groups: 2 } },
      { inputs: shaped([1, 3, 8, 8], [4, 3, 3, 3], [3]), says: ['bias', '[4]', '[3]'] },
      { inputs: [spec([1, 3, 8, 8]), spec([4, 3, 3, 3], 'i32')], says: ['weight', 'i32'] },
    ],
  },
  conv1d: {
    call: ([x, weight, bias], attrs: Conv1dOptions) => ops.conv1d(x, weight, bias, attrs),
    wrong: [
      ...wrongSequences,
      { inputs: shaped([1, 3, 2], [4, 3, 3]) },
      { inputs: shaped([1, 3, 8], [4, 3, 3]), attrs: { padding: 'same', stride: 2 }, says: ['stride'] },
    ],
  },
  convTranspose2d: {
    call: ([x, weight, bias], attrs: ConvAttrs) => ops.convTranspose2d(x, weight, bias, attrs),
    wrong: [
      { inputs: shaped([1, 3, 8, 8], [4, 2, 3, 3]) },
      { inputs: shaped([3, 8, 8], [3, 2, 3, 3]) },
      { inputs: shaped([1, 3, 8, 8], [3, 4, 3, 3], [3]), says: ['bias', '[4]', '[3]'] },
      { inputs: shaped([1, 3, 2, 2], [3, 4, 1, 1]), attrs: { padding: [1, 1] }, says: ['padding [1,1]'] },
      { inputs: shaped([1, 3, 2, 2], [3, 4, 3, 3]), attrs: { outputPadding: [1, 0] }, says: ['outputPadding [1,0]'] },
      { inputs: [spec([1, 3, 8, 8]), spec([3, 4, 3, 3], 'i32')], says: ['weight', 'i32'] },
    ],
  },
  convTranspose1d: {
    call: ([x, weight, bias], attrs: ConvTranspose1dOptions) => ops.convTranspose1d(x, weight, bias, attrs),
    wrong: wrongSequences,
  },
  maxPool2d: pool2d(ops.maxPool2d),
  avgPool2d: pool2d(ops.avgPool2d),
  maxPool1d: pool1d(ops.maxPool1d),
  avgPool1d: pool1d(ops.avgPool1d),
  adaptiveAvgPool2d: adaptivePool(ops.adaptiveAvgPool2d),
  adaptiveMaxPool2d: adaptivePool(ops.adaptiveMaxPool2d),
  interpolate: {
    call: ([x], attrs: InterpolateOptions) => ops.interpolate(x, attrs),
    wrong: [
      { inputs: shaped([2, 3]), attrs: { size: 2 } },
      { inputs: shaped([1, 2, 3, 4]), attrs: { size: [0, 2] } },
      { inputs: shaped([1, 2, 3, 4]), attrs: { size: [2, 2, 2] } },
      { inputs: shaped([1, 2, 3, 4]), attrs: {}, says: ['size', 'scaleFactor'] },
      { inputs: shaped([1, 2, 3, 4]), attrs: { size: 2, mode: 'linear' }, says: ['linear', 'bilinear'] },
      { inputs: shaped([1, 2, 3, 4]), attrs: { size: 2, alignCorners: true }, says: ['alignCorners'] },
      { inputs: shaped([1, 2, 0, 4]), attrs: { size: 2 } },
      { inputs: [spec([1, 2, 3, 4], 'i32')], attrs: { size: 2 }, says: ['i32'] },
    ],
  },
  pixelShuffle: {
    call: ([x], { factor }: { factor: number }) => ops.pixelShuffle(x, factor),
    wrong: [
      { inputs: shaped([1, 6, 2, 2]), attrs: { factor: 2 } },
      { inputs: shaped([4, 4]), attrs: { factor: 2 } },
    ],
  },
  pixelUnshuffle: {
    call: ([x], { factor }: { factor: number }) => ops.pixelUnshuffle(x, factor),
    wrong: [{ inputs: shaped([1, 1, 4, 5]), attrs: { factor: 2 } }],
  },
  channelShuffle: {
    call: ([x], { groups }: { groups: number }) => ops.channelShuffle(x, groups),
    wrong: [{ inputs: shaped([1, 5, 2, 2]), attrs: { groups: 2 } }],
  },
  modulatedConv2d: {
    call: ([x, weight, styles], attrs: object) => ops.modulatedConv2d(x, weight, styles, attrs),
    wrong: [
      { inputs: shaped([2, 3, 4, 4], [5, 3, 3, 3], [2, 5]) },
      { inputs: shaped([3, 4, 4], [5, 3, 3, 3], [3, 4]) },
    ],
  },
};
