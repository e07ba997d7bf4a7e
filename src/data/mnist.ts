// MNIST from the user's own files: which file is which, and images with labels that belong together.

import { formatShape } from '../core/shape.ts';
import type { DataFiles } from './data-files.ts';
import { parseIdx } from './idx.ts';
import type { ImageDataset } from './image-dataset.ts';

/** The two parts of MNIST: 60,000 images to train on, 10,000 to test on. */
export type MnistSplit = 'train' | 'test';

/** The two files of a part. */
export type MnistPart = 'images' | 'labels';

/** Which of the user's files is which; what was not found is absent. */
export type MnistFiles = Record<MnistSplit, Partial<Record<MnistPart, string>>>;

const OFFICIAL_NAMES: Readonly<Record<MnistSplit, Readonly<Record<MnistPart, string>>>> = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
};

/** A page that links to the four files, for messages to the user. */
export const MNIST_SOURCE = 'https://github.com/cvdfoundation/mnist';

// "(1)" is what a browser adds to a second download; some mirrors write ".idx3" for "-idx3".
const FILE_NAME = /(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(?: ?\(\d+\))?(\.gz)?$/i;

/**
 * Finds MNIST's files among file names or paths, as dropped on a page or listed from a folder: with or without `.gz`,
 * `-idx3-ubyte` or `.idx3-ubyte`, with any prefix. Of a file and its gzipped twin, the unpacked one is taken.
 */
export function identifyMnistFiles(names: readonly string[]): MnistFiles {
  const files: MnistFiles = { train: {}, test: {} };
  const unpackedFirst = names.toSorted((a, b) => Number(/\.gz$/i.test(a)) - Number(/\.gz$/i.test(b)));
  for (const name of unpackedFirst) {
    const match = FILE_NAME.exec(name);
    if (!match) continue;
    const split = match[1].toLowerCase() === 'train' ? 'train' : 'test';
    files[split][match[2].toLowerCase() as MnistPart] ??= name;
  }
  return files;
}

/** The official names of the files of `split` that were not found. */
export function missingMnistFiles(files: MnistFiles, split: MnistSplit): string[] {
  const parts: MnistPart[] = ['images', 'labels'];
  return parts.filter((part) => !files[split][part]).map((part) => OFFICIAL_NAMES[split][part]);
}

/**
 * Reads one part of MNIST, or of a set in its format, from the bytes of its two files, gzipped or not.
 * @param names how errors call the files.
 * @throws an Error that names the file at fault: the errors of `parseIdx`, files that are swapped or of different
 *   parts, labels beyond 9.
 */
export async function parseMnist(
  files: Readonly<Record<MnistPart, Uint8Array>>,
  names: Readonly<Record<MnistPart, string>> = { images: 'The image file', labels: 'The label file' },
): Promise<ImageDataset> {
  const images = await parseIdx(files.images, names.images);
  const labels = await parseIdx(files.labels, names.labels);
  expectRank(names.images, 'images', images.shape, 3);
  expectRank(names.labels, 'labels', labels.shape, 1);
  const [count, height, width] = images.shape;
  if (count !== labels.shape[0]) {
    throw new Error(
      `${names.images} has ${count} images and ${names.labels} ${labels.shape[0]} labels: they do not belong together.`,
    );
  }
  const wrong = labels.data.findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new Error(`${names.labels} is not MNIST: label ${wrong} is ${labels.data[wrong]}, and digits end at 9.`);
  }
  return { images: images.data, labels: labels.data, count, height, width };
}

/**
 * Reads MNIST's training or test part from `files`, gzipped or not.
 * @throws an Error that names the file at fault, or the files that are missing and where they can be had.
 */
export async function loadMnist(files: DataFiles, split: MnistSplit): Promise<ImageDataset> {
  const found = identifyMnistFiles(files.names);
  const missing = missingMnistFiles(found, split);
  if (missing.length > 0) {
    throw new Error(
      `${capitalized(files.title)} lacks ${missing.join(' and ')} (with or without .gz). ` +
        `MNIST's four files are linked at ${MNIST_SOURCE}: put them into one folder.`,
    );
  }
  const names = { images: found[split].images!, labels: found[split].labels! };
  return parseMnist({ images: await files.bytes(names.images), labels: await files.bytes(names.labels) }, names);
}

const capitalized = (text: string): string => text[0].toUpperCase() + text.slice(1);

function expectRank(name: string, part: MnistPart, shape: readonly number[], rank: number): void {
  if (shape.length === rank) return;
  const axes = part === 'images' ? '[count, height, width]' : '[count]';
  throw new Error(`${name} holds an array ${formatShape(shape)}, and ${part} are ${axes}: is it another of the files?`);
}
