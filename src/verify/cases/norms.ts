// Normalization: rows in registers and rows that are too long for them, channels of one workgroup and of several.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { floats, type CaseTable, type VerifyCase } from '../case.ts';

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

export const norms: CaseTable = {
  layerNorm: rows(ops.layerNorm),
  rmsNorm: rows((x, shape, { weight } = {}) => ops.rmsNorm(x, shape, { weight })),
  groupNorm: channels((x, options) => ops.groupNorm(x, 2, options), [1, 2, 65, 79]),
  instanceNorm: channels(ops.instanceNorm, [1, 2, 65, 79]),
  batchNorm: [
    ...channels((x, options) => ops.batchNorm(x, null, null, { ...options, training: true }), [3, 2, 65, 67]),
    {
      name: 'fixed',
      inputs: [floats([3, 5, 7]), floats([5]), floats([5], 0.5, 1.5), ...weights(5)],
      call: ([x, mean, variance, weight, bias]) => ops.batchNorm(x, mean, variance, { weight, bias }),
    },
  ],
  localResponseNorm: [
    { name: 'odd', inputs: [floats([2, 7, 3, 5])], call: ([x]) => ops.localResponseNorm(x, 5, { alpha: 0.5, k: 2 }) },
    { name: 'even', inputs: [floats([1, 6, 9])], call: ([x]) => ops.localResponseNorm(x, 4, { alpha: 0.5 }) },
  ],
  pixelNorm: [{ name: 'image', inputs: [floats([2, 33, 3, 5])], call: ([x]) => ops.pixelNorm(x) }],
  normalize: [
    { name: 'rows', inputs: [floats([7, 65])], call: ([x]) => ops.normalize(x) },
    { name: 'first', inputs: [floats([33, 5])], call: ([x]) => ops.normalize(x, 0) },
  ],
  modulatedConv2d: [
    {
      name: '3x3',
      inputs: [floats([2, 5, 6, 7], -1, 1), floats([3, 5, 3, 3], -1, 1), floats([2, 5], 0.5, 1.5)],
      call: ([x, weight, styles]) => ops.modulatedConv2d(x, weight, styles, { padding: 1 }),
    },
  ],
};
