// What a network is trained and tested on: digits that the page makes, or the user's MNIST files.

import {
  digitBatches,
  identifyMnistFiles,
  missingMnistFiles,
  parseMnist,
  type Augmentation,
  type ImageDataset,
} from '../../../src/index.ts';
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
  const { image, label } = digitBatches(digits, { batchSize: digits.count, seed: 0, augment: WARPS }).batch(0);
  return { ...digits, images: Uint8Array.from(image, (ink) => 255 * ink), labels: Uint8Array.from(label) };
}

const count = (number: number): string => number.toLocaleString('en');

/** The user's MNIST files, which may come one by one. */
export class MnistFiles {
  readonly #files = new Map<string, File>();

  /**
   * Takes `files` in addition to those that came before and reads what is complete: a test set alone replaces the test
   * set of `current`, and a training set alone is tested on its last tenth.
   * @throws an Error that names the file that is cut, wrong or missing; the files of this call are forgotten then.
   */
  async add(files: readonly File[], current: TrainingData): Promise<TrainingData> {
    const known = new Map(this.#files);
    for (const file of files) known.set(file.name, file);
    const found = identifyMnistFiles([...known.keys()]);
    const unknown = files.find(({ name }) => !identifyMnistFiles([name]).train.images && !isMnist(name));
    if (unknown) {
      throw new Error(
        `${unknown.name} is none of MNIST's files, whose names are like ${missingMnistFiles(identifyMnistFiles([]), 'train').join(' and ')}.`,
      );
    }
    const read = async (split: 'train' | 'test') => {
      const { images, labels } = found[split];
      if (!images || !labels) return null;
      const bytes = async (name: string) => new Uint8Array(await known.get(name)!.arrayBuffer());
      return parseMnist({ images: await bytes(images), labels: await bytes(labels) }, { images, labels });
    };
    const [train, test] = [await read('train'), await read('test')];
    for (const [name, file] of known) this.#files.set(name, file);
    if (!train && !test) {
      const split = found.train.images || found.train.labels ? 'train' : 'test';
      throw new Error(`${files[0].name} is one of two. Drop ${missingMnistFiles(found, split).join(' and ')} as well.`);
    }
    const named = (digits: ImageDataset, what: string): NamedSet => ({
      digits,
      name: `${count(digits.count)} ${what}`,
    });
    const augment = { shift: 2, rotate: 10, scale: 0.1 };
    if (!train) return { ...current, test: named(test!, 'test images of your MNIST files') };
    if (test) {
      return {
        kind: 'mnist',
        train: named(train, 'images of your MNIST files'),
        test: named(test, 'test images of your MNIST files'),
        augment,
      };
    }
    const [most, rest] = split(train, Math.floor(train.count * 0.9));
    return {
      kind: 'mnist',
      train: named(most, 'images of your MNIST files'),
      test: named(rest, 'images kept back from them'),
      augment,
    };
  }
}

const isMnist = (name: string): boolean => {
  const { train, test } = identifyMnistFiles([name]);
  return !!(train.images || train.labels || test.images || test.labels);
};

function split(set: ImageDataset, at: number): [ImageDataset, ImageDataset] {
  const part = (from: number, to: number): ImageDataset => {
    const size = set.height * set.width;
    return {
      ...set,
      count: to - from,
      images: set.images.subarray(from * size, to * size),
      labels: set.labels.subarray(from, to),
    };
  };
  return [part(0, at), part(at, set.count)];
}
