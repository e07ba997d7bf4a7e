// Losses, reduced or per row. Targets of 1 and -1 are signs of random numbers.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { rounded, type CheckTable } from '../allowed.ts';
import { floats, integers, type VerifyCase } from '../case.ts';

type Loss = (input: Tensor, target: Tensor, options: { reduction: 'mean' | 'none' }) => Tensor;

/** A loss of two tensors of the same shape with values from `low` to `high`, unreduced and as a mean. */
const pairs = (call: Loss, low = -2, high = 2, targets = [low, high]): VerifyCase[] =>
  (['none', 'mean'] as const).map((reduction) => ({
    name: reduction,
    inputs: [floats([5, 33], low, high), floats([5, 33], targets[0], targets[1])],
    call: ([input, target]) => call(input, target, { reduction }),
    dtypes: ['f32'],
  }));

/** The same for targets of 1 and -1. */
const signs = (call: Loss): VerifyCase[] => pairs((input, target, options) => call(input, ops.sign(target), options));

export const lossesChecks: CheckTable = {
  // The sum of exponentials is rescaled at each new maximum along the row. Measured 2.6 and 1.6.
  crossEntropy: {
    ...rounded,
    gpu: [8, 6],
    cases: [
      {
        name: 'rows',
        inputs: [floats([33, 10], -8, 8), integers([33], 0, 9)],
        call: ([logits, labels]) => ops.crossEntropy(logits, labels, { reduction: 'none' }),
      },
      {
        name: 'mean',
        inputs: [floats([7, 129], -8, 8), integers([7], 0, 128)],
        call: ([logits, labels]) => ops.crossEntropy(logits, labels),
      },
    ],
  },
  // Sums of up to 65 values. The square of a rounded difference has an error of four units. Measured 2.5; the gradient is one product.
  mseLoss: { cpu: [4, 4], gpu: [6, 0], cases: pairs(ops.mseLoss) },
  // Measured 1.1 to 1.8; gradients are bitwise equal, except nllLoss with weights: 0.06.
  hingeEmbeddingLoss: { ...rounded, gpu: [4, 0], cases: signs(ops.hingeEmbeddingLoss) },
  hingeLoss: { ...rounded, gpu: [6, 0], cases: signs(ops.hingeLoss) },
  huberLoss: { ...rounded, gpu: [5, 0], cases: pairs(ops.huberLoss) },
  l1Loss: { ...rounded, gpu: [4, 0], cases: pairs(ops.l1Loss) },
  marginRankingLoss: {
    ...rounded,
    gpu: [3, 0],
    cases: signs((input, target, options) => ops.marginRankingLoss(input, ops.neg(input), target, options)),
  },
  nllLoss: {
    ...rounded,
    gpu: [6, 0.23],
    cases: [
      {
        name: 'rows',
        inputs: [floats([33, 10], -8, 0), integers([33], 0, 9)],
        call: ([logProbabilities, labels]) => ops.nllLoss(logProbabilities, labels),
        dtypes: ['f32'],
      },
    ],
  },
  smoothL1Loss: {
    ...rounded,
    gpu: [5, 0],
    cases: pairs((input, target, options) => ops.smoothL1Loss(input, target, { ...options, beta: 0.5 })),
  },
  // Logarithms, roots and divisions. Measured 0.8 to 1.8 and up to 1.1.
  bceLoss: { ...rounded, gpu: [3, 4], cases: pairs(ops.bceLoss, 0.05, 0.95) },
  bceWithLogits: { ...rounded, gpu: [6, 3.5], cases: pairs(ops.bceWithLogits, -8, 8, [0, 1]) },
  cosineEmbeddingLoss: {
    ...rounded,
    gpu: [6, 0.4],
    cases: [
      {
        name: 'rows',
        inputs: [floats([7, 17]), floats([7, 17]), floats([7])],
        call: ([a, b, target]) => ops.cosineEmbeddingLoss(a, b, ops.sign(target)),
        dtypes: ['f32'],
      },
    ],
  },
  cosineSimilarity: {
    ...rounded,
    gpu: [4, 2.9],
    cases: [
      {
        name: 'rows',
        inputs: [floats([5, 17]), floats([5, 17])],
        call: ([a, b]) => ops.cosineSimilarity(a, b),
        dtypes: ['f32'],
      },
    ],
  },
  tripletMarginLoss: {
    ...rounded,
    gpu: [6, 3],
    cases: [
      {
        name: 'rows',
        inputs: [floats([7, 17]), floats([7, 17]), floats([7, 17])],
        call: ([anchor, positive, negative]) => ops.tripletMarginLoss(anchor, positive, negative),
        dtypes: ['f32'],
      },
    ],
  },
  // Logarithms up to 3, times exponentials. Measured 3.1.
  klDiv: {
    ...rounded,
    gpu: [12, 12],
    cases: pairs((input, target, options) => ops.klDiv(ops.logSoftmax(input), ops.softmax(target), options)),
  },
};
