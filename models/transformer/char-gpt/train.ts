// The character GPT's training: the loss, and the settings of the shipped weights.

import { crossEntropy, reshape, type Tensor } from '../../../src/index.ts';
import type { GPT2 } from './model.ts';

/** The settings of the shipped weights. */
export const charGPTRecipe = {
  epochs: 4.5,
  batchSize: 16,
  /** Characters per window. */
  length: 128,
  optimizer: 'adamw',
  learningRate: 0.004,
  betas: [0.9, 0.99],
  weightDecay: 0.1,
  decayOf: 'matrices',
  maxGradNorm: 1,
  schedule: 'cosine',
  warmup: 80,
} as const;

/** The loss of a batch: nats per character, to minimise. */
export function charGPTTask(model: GPT2) {
  return ({ ids, next }: Readonly<Record<string, Tensor>>) => {
    const logits = model.forward(ids); // [B, T, V]
    const rows = reshape(logits, [ids.size, -1]); // [B · T, V]
    return { loss: crossEntropy(rows, reshape(next, [ids.size])) };
  };
}
