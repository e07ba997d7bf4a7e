// What a network is trained and tested on: digits that the page makes, or the user's MNIST files.

import { LENET_SIZE } from '../../../models/cnn/lenet5/model.ts';
import { imageBatches, type Augmentation, type ImageDataset } from '../../../src/index.ts';
import { makeDigits, printDigits } from '../digits.ts';

/** A set with its name, in words. */
export interface NamedSet {
  readonly digits: ImageDataset;
  readonly name: string;
}

/** The two sets of a run. */
export interface TrainingData {
  readonly kind: 'generated' | 'mnist';
  readonly train: NamedSet;
  readonly test: NamedSet;
  /** How training digits are warped, anew each time they are seen. */
  readonly augment: Augmentation;
}

const TRAIN_COUNT = 3000;
const TEST_COUNT = 500;

const WARPS: Augmentation = { shift: 2, rotate: 10, scale: 0.12, elastic: 0.8 };

let generatedOnce: TrainingData | null = null;

/** Handwriting and print made by the page, always the same. */
export function generatedData(): TrainingData {
  if (generatedOnce) return generatedOnce;
  const printed = printDigits();
  const train = makeDigits(TRAIN_COUNT, 1, printed.train);
  generatedOnce = {
    kind: 'generated',
    train: { digits: train, name: `${count(TRAIN_COUNT)} digits made by this page, warped anew each time` },
    test: {
      digits: warped(makeDigits(TEST_COUNT, 2, printed.test)),
      name: `${TEST_COUNT} other digits made by this page`,
    },
    augment: WARPS,
  };
  return generatedOnce;
}

/** A set whose digits are warped once and for all, as hard as those that are warped in training. */
function warped(digits: ImageDataset): ImageDataset {
  const options = { batchSize: digits.count, seed: 0, size: LENET_SIZE, augment: WARPS };
  const { image, label } = imageBatches(digits, options).batch(0);
  return { ...digits, images: Uint8Array.from(image, (ink) => 255 * ink), labels: Uint8Array.from(label) };
}

/** A count as people write it. */
export const count = (number: number): string => number.toLocaleString('en');
