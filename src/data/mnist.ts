// MNIST from the user's files: identifies them by name and reads matching images and labels.

import { formatShape } from '../core/shape.ts';
import type { DataFiles } from './data-files.ts';
import { parseIdx } from './idx.ts';
import type { ImageDataset } from './image-dataset.ts';

/** MNIST's splits: 60,000 training and 10,000 test images. */
export type MnistSplit = 'train' | 'test';

/** The two files of a split. */
export type MnistPart = 'images' | 'labels';

/** The user's MNIST files by role; files that were not found are absent. */
export type MnistFiles = Record<MnistSplit, Partial<Record<MnistPart, string>>>;

const OFFICIAL_NAMES: Readonly<Record<MnistSplit, Readonly<Record<MnistPart, string>>>> = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
};

/** A page that links to the four files, for error messages. */
export const MNIST_SOURCE = 'https://github.com/cvdfoundation/mnist';

// Browsers add "(1)" to a second download; some mirrors write ".idx3" for "-idx3".
const FILE_NAME = /(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(?: ?\(\d+\))?(\.gz)?$/i;

/**
 * Finds MNIST's files among names or paths, such as files dropped on a page or listed from a folder: with or without `.gz`,
 * `-idx3-ubyte` or `.idx3-ubyte`, with any prefix. An uncompressed file is preferred to its gzipped copy.
 */
export function identifyMnistFiles(names: readonly string[]): MnistFiles {
  const files: MnistFiles = { train: {}, test: {} };
  const plainFirst = names.toSorted((a, b) => Number(/\.gz$/i.test(a)) - Number(/\.gz$/i.test(b)));
  for (const name of plainFirst) {
    const match = FILE_NAME.exec(name);
    if (!match) continue;
    const split = match[1].toLowerCase() === 'train' ? 'train' : 'test';
    files[split][match[2].toLowerCase() as MnistPart] ??= name;
  }
  return files;
}

/** The official names of the missing files of `split`. */
export function missingMnistFiles(files: MnistFiles, split: MnistSplit): string[] {
  const parts: MnistPart[] = ['images', 'labels'];
  return parts.filter((part) => !files[split][part]).map((part) => OFFICIAL_NAMES[split][part]);
}

/**
 * Reads one split of MNIST, or of a dataset in its format, from the bytes of its two files, gzipped or not.
 * @param names the files' names in error messages.
 * @throws an Error that names the file at fault: the errors of `parseIdx`, swapped files, files of different splits, or
 *   labels above 9.
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
      `${names.images} has ${count} images, but ${names.labels} has ${labels.shape[0]} labels: they do not belong together.`,
    );
  }
  const wrong = labels.data.findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new Error(
      `${names.labels} is not MNIST: label ${wrong} is ${labels.data[wrong]}, but labels must be 0 to 9.`,
    );
  }
  return { images: images.data, labels: labels.data, count, height, width };
}

/**
 * Reads MNIST's training or test split from `files`, gzipped or not.
 * @throws an Error that names the file at fault, or the missing files and where to download them.
 */
export async function loadMnist(files: DataFiles, split: MnistSplit): Promise<ImageDataset> {
  const found = identifyMnistFiles(files.names);
  const missing = missingMnistFiles(found, split);
  if (missing.length > 0) {
    throw new Error(
      `${capitalized(files.title)} lacks ${missing.join(' and ')} (with or without .gz). ` +
        `Download MNIST's four files from ${MNIST_SOURCE} into one folder.`,
    );
  }
  const names = { images: found[split].images!, labels: found[split].labels! };
  return parseMnist({ images: await files.bytes(names.images), labels: await files.bytes(names.labels) }, names);
}

const capitalized = (text: string): string => text[0].toUpperCase() + text.slice(1);

function expectRank(name: string, part: MnistPart, shape: readonly number[], rank: number): void {
  if (shape.length === rank) return;
  const axes = part === 'images' ? '[count, height, width]' : '[count]';
  throw new Error(
    `${name} holds an array ${formatShape(shape)}, but ${part} must be ${axes}: is it a different MNIST file?`,
  );
}
