// How LeNet-5 is trained: the loss, and the settings that made the shipped weights.

import { crossEntropy, type Layer, type Tensor } from '../../../src/index.ts';

/** The settings of the shipped weights; every one can be changed on the command line or on the page. */
export const lenet5Recipe = {
  epochs: 18,
  batchSize: 64,
  learningRate: 0.002,
  /** Random shifts in pixels, turns in degrees and relative changes of size. */
  augment: { shift: 2, rotate: 10, scale: 0.1 },
} as const;

/** What one batch gives: the loss to minimise, and the class scores for whoever counts right answers. */
export function lenet5Task(model: Layer) {
  return ({ image, label }: Readonly<Record<string, Tensor>>) => {
    const logits = model.forward(image); // [B, 10]
    return { loss: crossEntropy(logits, label), logits };
  };
}
