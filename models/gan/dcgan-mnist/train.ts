// DCGAN's training: the two losses, and the settings of the shipped weights.

import { add, detach, diversity, mean, mul, neg, normal, softplus, sub, type Tensor } from '../../../src/index.ts';
import type { DCGAN } from './model.ts';

/** The settings of the shipped weights. */
export const dcganRecipe = {
  /** A little more than an epoch. Longer runs give better digits. */
  steps: 1000,
  batchSize: 64,
  optimizer: 'adam',
  learningRate: 0.0004,
  /** As in the paper: with a momentum of 0.9 the two networks oscillate. */
  betas: [0.5, 0.999],
  schedule: 'constant',
  /** Decay per step of the running average of the generator's weights; a run keeps the average. */
  averageDecay: 0.98,
} as const;

/** Scales images from 0 to 1 to the networks' range, -1 to 1. */
export const toNetwork = (image: Tensor): Tensor => sub(mul(image, 2), 1);

/** Scales generated images to 0 to 1. */
export const toImage = (image: Tensor): Tensor => mul(add(image, 1), 0.5);

/** Mean binary cross-entropy of logits with the label "real", or "fake". */
const asReal = (scores: Tensor): Tensor => mean(softplus(neg(scores)));
const asFake = (scores: Tensor): Tensor => mean(softplus(scores));

/** The two phases of a training step; each updates its own network. */
export function dcganPhases(model: DCGAN) {
  const { generator, discriminator, config } = model;
  const draw = (count: number) => generator.forward(normal([count, config.nz])); // [B, nc, 32, 32]
  return {
    /** Learns to score real images above generated ones. */
    discriminator({ image }: Readonly<Record<string, Tensor>>) {
      const real = discriminator.forward(toNetwork(image)); // [B]
      const fake = discriminator.forward(detach(draw(image.shape[0]))); // [B]
      return { loss: add(asReal(real), asFake(fake)) };
    },
    /** Learns to make images that the discriminator takes for real. */
    generator({ image }: Readonly<Record<string, Tensor>>) {
      const fake = draw(image.shape[0]); // [B, nc, 32, 32]
      return { loss: asReal(discriminator.forward(fake)), diversity: diversity(fake) };
    },
  };
}
