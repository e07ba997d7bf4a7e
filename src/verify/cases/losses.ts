// Losses: one number or one a row. Targets of 1 and -1 are signs of random numbers.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { floats, integers, type CaseTable, type VerifyCase } from '../case.ts';

type Loss = (input: Tensor, target: Tensor, options: { reduction: 'mean' | 'none' }) => Tensor;

/** A loss of two tensors of one shape, from `low` to `high`, for each value and as their mean. */
const pairs = (call: Loss, low = -2, high = 2, targets = [low, high]): VerifyCase[] =>
  (['none', 'mean'] as const).map((reduction) => ({
    name: reduction,
    inputs: [floats([5, 33], low, high), floats([5, 33], targets[0], targets[1])],
    call: ([input, target]) => call(input, target, { reduction }),
    dtypes: ['f32'],
  }));

/** The same for targets of 1 and -1. */
const signs = (call: Loss): VerifyCase[] => pairs((input, target, options) => call(input, ops.sign(target), options));

export const losses: CaseTable = {
  mseLoss: pairs(ops.mseLoss),
  l1Loss: pairs(ops.l1Loss),
  huberLoss: pairs(ops.huberLoss),
  smoothL1Loss: pairs((input, target, options) => ops.smoothL1Loss(input, target, { ...options, beta: 0.5 })),
  bceLoss: pairs(ops.bceLoss, 0.05, 0.95),
  bceWithLogits: pairs(ops.bceWithLogits, -8, 8, [0, 1]),
  hingeEmbeddingLoss: signs(ops.hingeEmbeddingLoss),
  hingeLoss: signs(ops.hingeLoss),
  marginRankingLoss: signs((input, target, options) => ops.marginRankingLoss(input, ops.neg(input), target, options)),
  klDiv: pairs((input, target, options) => ops.klDiv(ops.logSoftmax(input), ops.softmax(target), options)),
  cosineSimilarity: [
    {
      name: 'rows',
      inputs: [floats([5, 17]), floats([5, 17])],
      call: ([a, b]) => ops.cosineSimilarity(a, b),
      dtypes: ['f32'],
    },
  ],
  cosineEmbeddingLoss: [
    {
      name: 'rows',
      inputs: [floats([7, 17]), floats([7, 17]), floats([7])],
      call: ([a, b, target]) => ops.cosineEmbeddingLoss(a, b, ops.sign(target)),
      dtypes: ['f32'],
    },
  ],
  tripletMarginLoss: [
    {
      name: 'rows',
      inputs: [floats([7, 17]), floats([7, 17]), floats([7, 17])],
      call: ([anchor, positive, negative]) => ops.tripletMarginLoss(anchor, positive, negative),
      dtypes: ['f32'],
    },
  ],
  nllLoss: [
    {
      name: 'rows',
      inputs: [floats([33, 10], -8, 0), integers([33], 0, 9)],
      call: ([logProbabilities, labels]) => ops.nllLoss(logProbabilities, labels),
      dtypes: ['f32'],
    },
  ],
};
