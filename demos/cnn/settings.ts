// The settings of a training run: their choices, and what they are unless told.

import type { Config, OptimizerName, RunSettings } from './protocol.ts';

/** Both networks, with the words for them. */
export const CONFIGS: Readonly<Record<Config, string>> = {
  modern: 'modern: ReLU, max pooling, dropout',
  classic: 'classic: tanh, averages, as in 1998',
};

/** Optimizers, with the words for them. */
export const OPTIMIZERS: Readonly<Record<OptimizerName, string>> = {
  adamw: 'AdamW',
  adam: 'Adam',
  sgd: 'SGD with momentum 0.9',
};

/** A learning rate at which each optimizer learns LeNet-5 well. SGD's steps are not scaled as Adam's are. */
export const USUAL_RATES: Readonly<Record<OptimizerName, number>> = { adamw: 0.002, adam: 0.002, sgd: 0.02 };

/** Sizes of a batch to choose from. */
export const BATCH_SIZES = [8, 16, 32, 64, 128, 256] as const;

/** Settings unless told. A device without a GPU behind it gets smaller batches, so that steps can still be watched. */
export function completeSettings(given: Partial<RunSettings>, software: boolean): RunSettings {
  const optimizer = given.optimizer ?? 'adamw';
  return {
    config: 'modern',
    learningRate: USUAL_RATES[optimizer],
    batchSize: software ? 16 : 64,
    optimizer,
    seed: 1,
    ...given,
  };
}
