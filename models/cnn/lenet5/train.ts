// How LeNet-5 is trained: the loss, and the settings that made the shipped weights.

import { argmax, cast, crossEntropy, eq, mean, type Tensor } from '../../../src/index.ts';
import type { LeNet5 } from './model.ts';

/** The settings of the shipped weights; every one can be changed on the command line or on the page. */
export const lenet5Recipe = {
  epochs: 18,
  batchSize: 64,
  optimizer: 'adamw',
  schedule: 'cosine',
  learningRate: 0.002,
  /** Random shifts in pixels, turns in degrees and relative changes of size. */
  augment: { shift: 2, rotate: 10, scale: 0.1 },
} as const;

/** What one batch gives: the loss to minimise, the share of correct classes, and the class scores. */
export function lenet5Task(model: LeNet5) {
  return ({ image, label }: Readonly<Record<string, Tensor>>) => {
    const logits = model.forward(image); // [B, 10]
    const accuracy = mean(cast(eq(argmax(logits, 1), label), 'f32'));
    return { loss: crossEntropy(logits, label), accuracy, logits };
  };
}
