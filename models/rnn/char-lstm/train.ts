// The character LSTM's training: the loss, and the settings of the shipped weights.

import { crossEntropy, reshape, type Tensor } from '../../../src/index.ts';
import type { CharRNN } from './model.ts';

/** The settings of the shipped weights. */
export const charRNNRecipe = {
  epochs: 5,
  batchSize: 32,
  /** Characters per window; each starts from a zero state. */
  length: 128,
  optimizer: 'adamw',
  learningRate: 0.005,
  betas: [0.9, 0.98],
  weightDecay: 0.1,
  decayOf: 'matrices',
  maxGradNorm: 1,
  schedule: 'cosine',
  warmup: 40,
} as const;

/** The loss of a batch: nats per character, to minimise. */
export function charRNNTask(model: CharRNN) {
  return ({ ids, next }: Readonly<Record<string, Tensor>>) => {
    const logits = model.forward(ids); // [B, T, V]
    const rows = reshape(logits, [ids.size, -1]); // [B · T, V]
    return { loss: crossEntropy(rows, reshape(next, [ids.size])) };
  };
}
