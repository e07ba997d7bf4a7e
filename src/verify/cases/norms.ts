// Normalization: rows that fit in registers and longer ones, channels of one workgroup and of several.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { rounded, type CheckTable } from '../allowed.ts';
import { floats, type VerifyCase } from '../case.ts';

const weights = (channels: number) => [floats([channels], 0.5, 1.5), floats([channels])];

const rows = (call: typeof ops.layerNorm): VerifyCase[] => [
  {
    name: 'short',
    inputs: [floats([65, 7]), ...weights(7)],
    call: ([x, weight, bias]) => call(x, 7, { weight, bias }),
  },
  {
    name: '768',
    inputs: [floats([5, 768]), ...weights(768)],
    call: ([x, weight, bias]) => call(x, 768, { weight, bias }),
  },
  { name: 'mean', inputs: [floats([3, 1030], 99, 101)], call: ([x]) => call(x, 1030), dtypes: ['f32'] },
  { name: 'long', inputs: [floats([2, 5001])], call: ([x]) => call(x, 5001) },
];

type PerChannel = (x: Tensor, options: ops.NormOptions) => Tensor;

const channels = (call: PerChannel, longest: readonly number[]): VerifyCase[] => [
  {
    name: 'image',
    inputs: [floats([2, 6, 9, 7]), ...weights(6)],
    call: ([x, weight, bias]) => call(x, { weight, bias }),
  },
  { name: 'plain', inputs: [floats([3, 4, 33])], call: ([x]) => call(x, {}) },
  { name: 'long', inputs: [floats(longest)], call: ([x]) => call(x, {}), dtypes: ['f32'] },
];

export const normsChecks: CheckTable = {
  // Sums over rows of up to 5001 values, of partial sums. Measured 6 and 8.
  // f16: The CPU rounds the normalized values, their products with the gradient, and the sums of these (up to 126 terms for a
  // weight), which a GPU computes in one kernel. Measured 5.3, 2.9, 3.5 and 3.0; with fixed statistics the output, of four ops, 2.6.
  layerNorm: { ...rounded, gpu: [24, 32], f16: [2, 10], records: ['normalizeRows'], cases: rows(ops.layerNorm) },
  // Like layerNorm, without subtracting a mean. Measured 5 and 14.
  rmsNorm: {
    ...rounded,
    gpu: [8, 16],
    f16: [2, 6],
    cases: rows((x, shape, { weight } = {}) => ops.rmsNorm(x, shape, { weight })),
  },
  // Also with a mean of 1e4 and deviations of 1. Measured 12 and 8.
  groupNorm: {
    ...rounded,
    gpu: [24, 24],
    f16: [2, 7],
    cases: channels((x, options) => ops.groupNorm(x, 2, options), [1, 2, 65, 79]),
  },
  instanceNorm: { ...rounded, gpu: [24, 24], f16: [2, 6], cases: channels(ops.instanceNorm, [1, 2, 65, 79]) },
  // The mean, here ten times the deviation, is rounded to f32 before it is subtracted, also on the CPU. GPU measured 10 and 19,
  // half of it from sums.
  batchNorm: {
    cpu: [16, 32],
    gpu: [16, 64],
    f16: [5, 2],
    cases: [
      ...channels((x, options) => ops.batchNorm(x, null, null, { ...options, training: true }), [3, 2, 65, 67]),
      {
        name: 'fixed',
        inputs: [floats([3, 5, 7]), floats([5]), floats([5], 0.5, 1.5), ...weights(5)],
        call: ([x, mean, variance, weight, bias]) => ops.batchNorm(x, mean, variance, { weight, bias }),
      },
    ],
  },
  // A power of a sum of squares. Measured 2.3 and 2.4.
  localResponseNorm: {
    ...rounded,
    gpu: [8, 8],
    cases: [
      { name: 'odd', inputs: [floats([2, 7, 3, 5])], call: ([x]) => ops.localResponseNorm(x, 5, { alpha: 0.5, k: 2 }) },
      { name: 'even', inputs: [floats([1, 6, 9])], call: ([x]) => ops.localResponseNorm(x, 4, { alpha: 0.5 }) },
    ],
  },
  // Measured 2.0 and 2.3.
  pixelNorm: {
    ...rounded,
    gpu: [7.9, 8],
    cases: [{ name: 'image', inputs: [floats([2, 33, 3, 5])], call: ([x]) => ops.pixelNorm(x) }],
  },
  // Measured 1.0 and 0.7.
  normalize: {
    ...rounded,
    gpu: [4, 2],
    cases: [
      { name: 'rows', inputs: [floats([7, 65])], call: ([x]) => ops.normalize(x) },
      { name: 'first', inputs: [floats([33, 5])], call: ([x]) => ops.normalize(x, 0) },
    ],
  },
};
