// The user's MNIST files, which may come one by one or all at once.

import { identifyMnistFiles, missingMnistFiles, parseMnist, type ImageDataset } from '../../../src/index.ts';
import { count, type NamedSet, type TrainingData } from './data.ts';

type Split = 'train' | 'test';

/** The part of a training set that is kept for testing where the test files are absent. */
const KEPT = 0.1;
const WARPS = { shift: 2, rotate: 10, scale: 0.1 };

/** Collects the files. */
export class MnistFiles {
  #files: ReadonlyMap<string, File> = new Map();

  /**
   * Takes `files` in addition to those that came before, and puts the sets that are complete now into `current`: a test
   * set alone takes the place of the test set only, a training set alone is tested on its last tenth.
   * @throws an Error that names the file that is cut, wrong or still missing. What was wrong is not kept.
   */
  async add(files: readonly File[], current: TrainingData): Promise<TrainingData> {
    const unknown = files.find((file) => splitsOf([file]).length === 0);
    if (unknown) {
      const names = missingMnistFiles(identifyMnistFiles([]), 'train').join(' and ');
      throw new Error(`${unknown.name} is none of MNIST's files, whose names are like ${names}.`);
    }
    const known = new Map([...this.#files, ...files.map((file) => [file.name, file] as const)]);
    const found = identifyMnistFiles([...known.keys()]);
    const missing = splitsOf(files).flatMap((split) => missingMnistFiles(found, split));
    const sets = new Map<Split, ImageDataset>();
    for (const split of ['train', 'test'] as const) {
      const { images, labels } = found[split];
      if (!images || !labels) continue;
      const bytes = async (name: string) => new Uint8Array(await known.get(name)!.arrayBuffer());
      sets.set(
        split,
        await parseMnist({ images: await bytes(images), labels: await bytes(labels) }, { images, labels }),
      );
    }
    this.#files = known;
    if (missing.length > 0)
      throw new Error(`Images and labels belong together. Drop ${missing.join(' and ')} as well.`);
    return dataOf(sets.get('train'), sets.get('test'), current);
  }
}

/** The parts of MNIST that `files` belong to. */
function splitsOf(files: readonly File[]): Split[] {
  const found = identifyMnistFiles(files.map(({ name }) => name));
  return (['train', 'test'] as const).filter((split) => missingMnistFiles(found, split).length < 2);
}

function dataOf(train: ImageDataset | undefined, test: ImageDataset | undefined, current: TrainingData): TrainingData {
  const named = (digits: ImageDataset, what: string): NamedSet => ({ digits, name: `${count(digits.count)} ${what}` });
  const testSet = test && named(test, 'test images of your MNIST files');
  if (!train) return { ...current, test: testSet! };
  const kept = test ? 0 : Math.max(1, Math.floor(KEPT * train.count));
  const [learned, rest] = [part(train, 0, train.count - kept), part(train, train.count - kept, train.count)];
  return {
    kind: 'mnist',
    train: named(learned, 'images of your MNIST files'),
    test: testSet ?? named(rest, 'images kept back from them'),
    augment: WARPS,
  };
}

function part(set: ImageDataset, from: number, to: number): ImageDataset {
  const size = set.height * set.width;
  const images = set.images.subarray(from * size, to * size);
  return { ...set, count: to - from, images, labels: set.labels.subarray(from, to) };
}
