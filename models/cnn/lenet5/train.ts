// LeNet-5's training: the loss, and the settings of the shipped weights.

import { argmax, cast, crossEntropy, eq, mean, type Tensor } from '../../../src/index.ts';
import type { LeNet5 } from './model.ts';

/** The settings of the shipped weights; each can be changed on the command line or on the page. */
export const lenet5Recipe = {
  epochs: 18,
  batchSize: 64,
  optimizer: 'adamw',
  schedule: 'cosine',
  learningRate: 0.002,
  /** Random shifts in pixels, rotations in degrees and relative scaling. */
  augment: { shift: 2, rotate: 10, scale: 0.1 },
} as const;

/** The outputs for a batch: the loss to minimise, the accuracy, and the class scores. */
export function lenet5Task(model: LeNet5) {
  return ({ image, label }: Readonly<Record<string, Tensor>>) => {
    const logits = model.forward(image); // [B, 10]
    const accuracy = mean(cast(eq(argmax(logits, 1), label), 'f32'));
    return { loss: crossEntropy(logits, label), accuracy, logits };
  };
}
