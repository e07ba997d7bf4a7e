// Specs of losses: calls and rejected inputs.

import { spec, type Tensor } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

/** A loss of two tensors with the same shape. */
const pair = <A>(call: (x: Tensor, y: Tensor, attrs: A) => Tensor, ...wrong: WrongInputs[]): OpSpec => ({
  call: ([x, y], attrs: A) => call(x, y, attrs),
  wrong: [{ inputs: shaped([2, 3], [3]) }, ...wrong],
});

const classLoss = (call: typeof ops.nllLoss): Pick<OpSpec, 'call'> => ({
  call: ([x, labels, weight], attrs: ops.ClassLossOptions) => call(x, labels, { reduction: 'none', weight, ...attrs }),
});
const wrongLabels: WrongInputs[] = [
  { inputs: [spec([3, 4]), spec([4], 'i32')] },
  { inputs: [spec([3]), spec([3], 'i32')] },
  { inputs: [spec([3, 4]), spec([3])], says: ['i32', 'f32[3]'] },
  { inputs: [spec([3, 4, 2]), spec([3], 'i32')] },
  { inputs: [spec([3, 4]), spec([3], 'i32'), spec([3])], says: ['weight', 'f32[4]', 'f32[3]'] },
  { inputs: [spec([3, 4]), spec([3], 'i32')], attrs: { ignoreIndex: 0.5 }, says: ['ignoreIndex', '0.5'] },
];

export const losses: Record<string, OpSpec> = {
  crossEntropy: {
    ...classLoss(ops.crossEntropy),
    wrong: [
      ...wrongLabels,
      { inputs: [spec([3, 4]), spec([3], 'i32')], attrs: { labelSmoothing: 1.5 }, says: ['labelSmoothing', '1.5'] },
      { inputs: [spec([3, 0]), spec([3], 'i32')], says: ['no classes'] },
    ],
  },
  nllLoss: { ...classLoss(ops.nllLoss), wrong: wrongLabels },
  mseLoss: pair(ops.mseLoss),
  l1Loss: pair(ops.l1Loss),
  huberLoss: pair<{ delta?: number }>(ops.huberLoss, {
    inputs: shaped([2], [2]),
    attrs: { delta: 0 },
    says: ['delta'],
  }),
  smoothL1Loss: pair<{ beta?: number }>(ops.smoothL1Loss, { inputs: shaped([2], [2]), attrs: { beta: -1 }, says: ['beta'] }), // prettier-ignore
  bceLoss: {
    ...pair(ops.bceLoss),
    call: ([x, y, weight], attrs: ops.BceOptions) => ops.bceLoss(x, y, { weight, ...attrs }),
  },
  bceWithLogits: {
    ...pair(ops.bceWithLogits),
    call: ([x, y, weight, posWeight], attrs: ops.BceOptions) =>
      ops.bceWithLogits(x, y, { weight, posWeight, ...attrs }),
  },
  hingeEmbeddingLoss: pair<{ margin?: number }>(ops.hingeEmbeddingLoss),
  hingeLoss: pair(ops.hingeLoss),
  klDiv: pair<{ logTarget?: boolean }>(ops.klDiv),
  marginRankingLoss: {
    call: ([a, b, y], attrs: { margin?: number }) => ops.marginRankingLoss(a, b, y, attrs),
    wrong: [{ inputs: shaped([2], [2], [3]) }],
  },
  tripletMarginLoss: {
    call: ([a, p, n], attrs: { margin?: number }) => ops.tripletMarginLoss(a, p, n, attrs),
    wrong: [{ inputs: shaped([2, 3], [2, 3], [3]) }],
  },
  cosineSimilarity: pair<{ axis?: number }>(ops.cosineSimilarity, { inputs: shaped([2], [2]), attrs: { axis: 1 }, says: ['axis 1'] }), // prettier-ignore
  cosineEmbeddingLoss: {
    call: ([a, b, y], attrs: { margin?: number }) => ops.cosineEmbeddingLoss(a, b, y, attrs),
    wrong: [{ inputs: shaped([2, 3], [3, 3], [2]), says: ['[2, 3]', '[3, 3]'] }, { inputs: shaped([2, 3], [2, 3], [3]), says: ['[3]'] }], // prettier-ignore
  },
};
