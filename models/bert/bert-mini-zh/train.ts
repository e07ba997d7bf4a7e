// BERT-mini's pre-training: the two losses, and the settings of the shipped weights.

import { add, crossEntropy, type Tensor } from '../../../src/index.ts';
import type { BertForPreTraining } from './model.ts';

/** The settings of the shipped weights. */
export const bertRecipe = {
  steps: 4000,
  batchSize: 16,
  /** Tokens per input, including [CLS] and both [SEP]. */
  length: 128,
  /** Fraction of the tokens to predict. */
  masked: 0.3,
  optimizer: 'adamw',
  learningRate: 0.002,
  betas: [0.9, 0.999],
  weightDecay: 0.01,
  decayOf: 'matrices',
  maxGradNorm: 1,
  schedule: 'cosine',
  warmup: 50,
} as const;

/** The loss of a batch: that of the masked tokens plus that of the next sentence. */
export function bertTask(model: BertForPreTraining) {
  return ({ input_ids, token_type_ids, positions, labels, follows }: Readonly<Record<string, Tensor>>) => {
    const { prediction_logits, seq_relationship_logits } = model.forward({ input_ids, token_type_ids }, positions);
    const masked = crossEntropy(prediction_logits, labels); // [N, V] and [N]
    const next = crossEntropy(seq_relationship_logits, follows); // [B, 2] and [B]
    return { loss: add(masked, next), masked, next };
  };
}
