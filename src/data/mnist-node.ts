// MNIST from a folder, under Node.

import { join } from 'node:path';
import { listFilesOrExplain, readFileOrExplain } from '../weights/files-node.ts';
import type { ImageDataset } from './image-dataset.ts';
import { identifyMnistFiles, missingMnistFiles, MNIST_SOURCE, parseMnist, type MnistSplit } from './mnist.ts';

/**
 * Loads MNIST's training or test part from `folder`, gzipped or not.
 * @throws an Error that names the folder or file at fault, the files that are missing and where they can be had.
 */
export async function loadMnist(folder: string, split: MnistSplit): Promise<ImageDataset> {
  const files = identifyMnistFiles(await listFilesOrExplain(folder, 'the MNIST folder'));
  const missing = missingMnistFiles(files, split);
  if (missing.length > 0) {
    throw new Error(
      `The folder ${folder} lacks ${missing.join(' and ')} (with or without .gz). ` +
        `MNIST's four files are linked at ${MNIST_SOURCE}: put them into this folder.`,
    );
  }
  const images = join(folder, files[split].images!);
  const labels = join(folder, files[split].labels!);
  const bytes = {
    images: await readFileOrExplain(images, `the ${split} images`),
    labels: await readFileOrExplain(labels, `the ${split} labels`),
  };
  return parseMnist(bytes, { images, labels });
}
