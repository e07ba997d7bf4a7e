// The settings of a training run: their choices and their defaults.

import { optimizers, type OptimizerChoice, type OptimizerName } from '../../src/index.ts';
import { lenet5Recipe } from '../../models/cnn/lenet5/train.ts';
import type { Config, RunSettings } from './protocol.ts';

/** Both networks, with the words for them. */
export const CONFIGS: Readonly<Record<Config, string>> = {
  modern: 'modern: ReLU, max pooling, dropout',
  classic: 'classic: tanh, averages, as in 1998',
};

const byOptimizer = <T>(value: (choice: OptimizerChoice) => T) =>
  Object.fromEntries(Object.entries(optimizers).map(([name, choice]) => [name, value(choice)])) as Record<
    OptimizerName,
    T
  >;

/** Optimizers, with the words for them. */
export const OPTIMIZERS: Readonly<Record<OptimizerName, string>> = byOptimizer(({ title }) => title);

/** A learning rate at which each optimizer learns LeNet-5 well. */
export const USUAL_RATES: Readonly<Record<OptimizerName, number>> = byOptimizer(({ rateScale }) =>
  Number((lenet5Recipe.learningRate * rateScale).toPrecision(3)),
);

/** Sizes of a batch to choose from. */
export const BATCH_SIZES = [8, 16, 32, 64, 128, 256] as const;

/** `given` settings, and defaults for the rest. A device without a GPU behind it gets smaller batches, so that steps can still be watched. */
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
