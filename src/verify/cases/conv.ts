// Convolution and pooling: stride, padding, dilation, groups, overlapping and tiling windows.

import { grad } from '../../autograd/grad.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { exact, rounded, type CheckTable } from '../allowed.ts';
import { floats, type VerifyCase } from '../case.ts';

const conv = (name: string, image: Shape, weight: Shape, options = {}, bias = true): VerifyCase => ({
  name,
  inputs: [image, weight, ...(bias ? [[weight[0]]] : [])].map((shape) => floats(shape, -1, 1)),
  call: ([x, w, b]) => ops.conv2d(x, w, b, options),
});

const conv1d = (
  name: string,
  input: Shape,
  weight: Shape,
  call: (x: Tensor, w: Tensor, b: Tensor) => Tensor,
): VerifyCase => ({
  name,
  inputs: [input, weight, [weight[0]]].map((shape) => floats(shape, -1, 1)),
  call: ([x, w, b]) => call(x, w, b),
});

const transposed = (name: string, image: Shape, weight: Shape, options: ConvTranspose2dOptions = {}): VerifyCase => ({
  name,
  inputs: [image, weight, [weight[1] * (options.groups ?? 1)]].map((shape) => floats(shape, -1, 1)),
  call: ([x, w, b]) => ops.convTranspose2d(x, w, b, options),
});

type ConvTranspose2dOptions = NonNullable<Parameters<typeof ops.convTranspose2d>[3]>;

type Pool = (x: Tensor, kernel: number | [number, number], options?: { stride?: number; padding?: number }) => Tensor;

const pool = (call: Pool): VerifyCase[] => [
  { name: 'tiles', inputs: [floats([2, 3, 8, 12])], call: ([x]) => call(x, 2) },
  { name: 'overlaps', inputs: [floats([2, 3, 9, 11])], call: ([x]) => call(x, 3, { stride: 2, padding: 1 }) },
  { name: 'oblong', inputs: [floats([1, 5, 7, 13])], call: ([x]) => call(x, [2, 3]) },
];

export const convChecks: CheckTable = {
  // Outputs sum up to 400 products, gradients of weights up to 784. Measured 58 and 181.
  conv2d: {
    ...rounded,
    gpu: [64, 256],
    cases: [
      conv('5x5', [2, 3, 13, 13], [6, 3, 5, 5]),
      conv('padded', [3, 5, 9, 11], [7, 5, 3, 3], { padding: 1 }, false),
      conv('stride', [2, 4, 11, 9], [5, 4, 3, 3], { stride: 2, padding: 1 }),
      conv('dilated', [1, 3, 13, 11], [4, 3, 3, 3], { dilation: 2 }),
      conv('groups', [2, 6, 8, 9], [4, 3, 3, 3], { groups: 2 }),
      conv('depthwise', [2, 8, 9, 9], [8, 1, 3, 3], { groups: 8, padding: 1 }),
      conv('1x1', [2, 16, 5, 5], [9, 16, 1, 1]),
      conv('tiles', [3, 17, 9, 10], [70, 17, 3, 3], { padding: 1 }),
      conv('split sum', [1, 40, 5, 6], [33, 40, 3, 3], { padding: 1 }),
      conv('tiles in groups', [2, 60, 9, 7], [50, 30, 3, 3], { groups: 2, stride: 2 }),
      conv('depthwise stride', [2, 5, 11, 13], [10, 1, 5, 3], { groups: 5, stride: 2, padding: 1 }),
      conv('same', [1, 3, 7, 8], [4, 3, 4, 3], { padding: 'same' }),
    ],
  },
  // Fewer products, except for convTranspose2d (up to 576). Measured 8.6 and 8.7; 41 and 67; 1.9 and 5.6.
  conv1d: {
    ...rounded,
    gpu: [32, 32],
    cases: [
      conv1d('padded', [2, 3, 33], [5, 3, 5], (x, w, b) => ops.conv1d(x, w, b, { padding: 2 })),
      conv1d('dilated', [2, 4, 65], [6, 2, 3], (x, w, b) => ops.conv1d(x, w, b, { dilation: 2, groups: 2 })),
    ],
  },
  convTranspose2d: {
    ...rounded,
    gpu: [64, 128],
    cases: [
      transposed('stride', [2, 4, 5, 7], [4, 3, 4, 4], { stride: 2, padding: 1 }),
      transposed('groups', [1, 4, 5, 6], [4, 2, 3, 3], { stride: 2, outputPadding: 1, groups: 2 }),
      transposed('tiles', [2, 36, 5, 6], [36, 34, 4, 4], { stride: 2, padding: 1 }),
      transposed('plain', [2, 3, 9, 8], [3, 5, 3, 3]),
    ],
  },
  convTranspose1d: {
    ...rounded,
    gpu: [6, 10],
    cases: [
      {
        name: 'stride',
        inputs: [floats([2, 3, 17], -1, 1), floats([3, 5, 4], -1, 1), floats([5], -1, 1)],
        call: ([x, w, b]) => ops.convTranspose1d(x, w, b, { stride: 2, padding: 1 }),
      },
    ],
  },
  // Interpolation weights are f32: up to four rows of four. Measured 1.0 and 1.3 on the CPU, 1.8 and 5.8 on the GPU.
  interpolate: {
    cpu: [3, 4],
    gpu: [6, 16],
    cases: [
      ...(['nearest', 'bilinear', 'bicubic'] as const).flatMap((mode): VerifyCase[] => [
        {
          name: `${mode} up`,
          inputs: [floats([2, 3, 5, 7])],
          call: ([x]) => ops.interpolate(x, { scaleFactor: 2, mode }),
        },
        {
          name: `${mode} down`,
          inputs: [floats([1, 2, 33, 17])],
          call: ([x]) => ops.interpolate(x, { size: [9, 13], mode }),
        },
      ]),
      {
        name: 'far',
        inputs: [floats([1, 2, 3, 3])],
        call: ([x]) => ops.interpolate(x, { size: 31, mode: 'bilinear' }),
      },
      { name: 'linear', inputs: [floats([2, 3, 9])], call: ([x]) => ops.interpolate(x, { size: 20, mode: 'linear' }) },
    ],
  },
  // Values are moved; gradients of repeated values are sums of up to 20. Measured 1.4.
  pixelShuffle: {
    ...exact,
    cases: [{ name: 'by 2', inputs: [floats([2, 8, 5, 3])], call: ([x]) => ops.pixelShuffle(x, 2) }],
  },
  pixelUnshuffle: {
    ...exact,
    cases: [{ name: 'by 3', inputs: [floats([2, 2, 6, 9])], call: ([x]) => ops.pixelUnshuffle(x, 3) }],
  },
  channelShuffle: {
    ...exact,
    cases: [{ name: 'groups', inputs: [floats([2, 6, 5, 3])], call: ([x]) => ops.channelShuffle(x, 3) }],
  },
  // Values are selected; overlapping windows sum up to four gradients. Measured 1.3.
  maxPool2d: {
    cpu: [0, 2],
    gpu: [0, 2],
    cases: [
      ...pool(ops.maxPool2d),
      {
        name: 'dilated',
        inputs: [floats([2, 3, 9, 11])],
        call: ([x]) => ops.maxPool2d(x, 3, { stride: 2, dilation: 2, ceilMode: true }),
      },
      {
        name: 'second derivative',
        inputs: [floats([2, 2, 6, 6])],
        call: ([x]) => grad(ops.sum(ops.square(ops.maxPool2d(x, 2))), [x]),
      },
    ],
  },
  maxPool1d: {
    cpu: [0, 2],
    gpu: [0, 2],
    cases: [{ name: 'overlaps', inputs: [floats([2, 3, 33])], call: ([x]) => ops.maxPool1d(x, 3, { stride: 2 }) }],
  },
  adaptiveMaxPool2d: {
    cpu: [0, 2],
    gpu: [0, 2],
    cases: [{ name: 'odd', inputs: [floats([2, 3, 7, 11])], call: ([x]) => ops.adaptiveMaxPool2d(x, [3, 4]) }],
  },
  // Sums of up to 25 values, divided; gradients are divided before they are summed. Measured 1.3, 1.0, 0.9; 0.4, 0.4, 0.9.
  avgPool2d: {
    cpu: [0, 0],
    gpu: [5, 1.5],
    cases: [
      ...pool(ops.avgPool2d),
      {
        name: 'inside',
        inputs: [floats([2, 3, 9, 11])],
        call: ([x]) => ops.avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false }),
      },
    ],
  },
  avgPool1d: {
    cpu: [0, 0],
    gpu: [3, 1.5],
    cases: [{ name: 'overlaps', inputs: [floats([2, 3, 33])], call: ([x]) => ops.avgPool1d(x, 3, { stride: 2 }) }],
  },
  adaptiveAvgPool2d: {
    cpu: [0, 1],
    gpu: [3, 3],
    cases: [{ name: 'odd', inputs: [floats([2, 3, 7, 11])], call: ([x]) => ops.adaptiveAvgPool2d(x, [3, 4]) }],
  },
  // Weights of five channels, scaled by styles: the CPU rounds after each of four ops. Measured 4.0 and 10.8.
  // f16: Weights are scaled twice and rounded each time. Measured 3.2.
  modulatedConv2d: {
    cpu: [8, 12],
    gpu: [16, 40],
    f16: [2, 7],
    cases: [
      {
        name: '3x3',
        inputs: [floats([2, 5, 6, 7], -1, 1), floats([3, 5, 3, 3], -1, 1), floats([2, 5], 0.5, 1.5)],
        call: ([x, weight, styles]) => ops.modulatedConv2d(x, weight, styles, { padding: 1 }),
      },
    ],
  },
};
