// MNIST: valid and invalid IDX files, identification by name, and loading from a folder.

import { mkdtemp, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseIdx } from '../../src/data/idx.ts';
import { identifyMnistFiles, missingMnistFiles, loadMnist, parseMnist } from '../../src/data/mnist.ts';
import { openDataFiles } from '../../src/data/data-files-node.ts';
import { decompress } from '../../src/weights/decompress.ts';
import { realData } from '../harness/real-data.ts';

/** An IDX file with values that count up from 0. */
function idx(shape: number[], type = 0x08): Uint8Array {
  const size = shape.reduce((a, b) => a * b, 1);
  const header = Buffer.from([
    0,
    0,
    type,
    shape.length,
    ...shape.flatMap((dim) => [dim >>> 24, dim >>> 16, dim >>> 8, dim]),
  ]);
  return Uint8Array.from({ length: header.length + size }, (_, i) => header[i] ?? (i - header.length) % 256);
}

describe('IDX', () => {
  const good = idx([2, 3, 4]);

  test.each([
    ['raw', good],
    ['gzipped', new Uint8Array(gzipSync(good))],
    ['a Buffer at an odd offset', Buffer.concat([Buffer.of(1), good]).subarray(1)],
  ])('%s', async (_, bytes) => {
    const { shape, data } = await parseIdx(bytes);
    expect(shape).toEqual([2, 3, 4]);
    expect([...data]).toEqual([...good.subarray(16)]);
  });

  test('a file truncated at any byte: the error has the bytes expected and found', async () => {
    for (let length = 0; length < good.length; length++) {
      const expected = length < 4 ? 4 : length < 16 ? 16 : 40;
      await expect(parseIdx(good.subarray(0, length), 'a.idx')).rejects.toThrow(
        `a.idx is truncated: ${expected} bytes expected, ${length} found.`,
      );
    }
  });

  test('a gzipped file truncated at any byte', async () => {
    const compressed = gzipSync(idx([100, 100]));
    for (let length = 2; length < compressed.length; length += 7) {
      await expect(parseIdx(compressed.subarray(0, length), 'a.gz'), `${length}`).rejects.toThrow(
        /a\.gz is (truncated or corrupt: \d+ bytes expected after decompression, \d+ found \(.+\)|a corrupt gzip file)/,
      );
    }
  });

  test('a truncated gzipped file that still yields some values', async () => {
    const noise = Uint8Array.from({ length: 200_000 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 255);
    const file = Buffer.concat([idx([200_000]).subarray(0, 8), noise]);
    const compressed = gzipSync(file);
    const { bytes } = await decompress(compressed.subarray(0, compressed.length >> 1), 'gzip');
    expect(bytes.length).toBeGreaterThan(1000);
    await expect(parseIdx(compressed.subarray(0, compressed.length >> 1))).rejects.toThrow(
      `is truncated or corrupt: 200008 bytes expected after decompression, ${bytes.length} found (`,
    );
  });

  test('a gzipped file with a wrong checksum', async () => {
    const compressed = gzipSync(good);
    compressed[compressed.length - 8] ^= 1;
    await expect(parseIdx(compressed, 'a.gz')).rejects.toThrow(
      /a\.gz is (truncated or corrupt: .*|a corrupt gzip file) \(.+\)/,
    );
  });

  test('decompression stops at its limit', async () => {
    const { bytes, damage } = await decompress(gzipSync(new Uint8Array(1_000_000)), 'gzip', 100_000);
    expect(damage?.message).toBe('it decompresses to more than 100000 bytes');
    expect(bytes.length).toBeLessThan(400_000);
  });

  test.each([
    [
      'another format',
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0),
      /x is not an IDX file: .* 89 50 4e 47, .* 00 00 08/,
    ],
    ['zeros', new Uint8Array(20), /x is not an IDX file: .* 00 00 00 00/],
    ['32-bit integers', idx([2], 0x0c), /x holds 32-bit integers \(IDX type 0c\), but unsigned bytes/],
    ['64-bit floats', idx([2], 0x0e), /x holds 64-bit floats/],
    [
      'more than the header says',
      Uint8Array.of(...good, 1),
      /x is corrupt: its header implies 40 bytes, but it has 41/,
    ],
    ['sizes past 2^53', idx([]).with(3, 2).slice(0, 4), /x is truncated: 12 bytes expected, 4 found/],
    [
      'a header that claims a giant size',
      Uint8Array.of(0, 0, 8, 2, ...Array(8).fill(255)),
      /x is truncated: 1844674406\d+ bytes/,
    ],
  ])('%s', async (_, bytes, message) => {
    await expect(parseIdx(bytes, 'x')).rejects.toThrow(message);
  });
});

describe('images with labels', () => {
  const files = { images: idx([5, 4, 3]), labels: idx([5]) };

  test('are read together', async () => {
    const set = await parseMnist({ images: gzipSync(files.images), labels: files.labels });
    expect(set).toMatchObject({ count: 5, height: 4, width: 3 });
    expect([...set.labels]).toEqual([0, 1, 2, 3, 4]);
    expect(set.images[59]).toBe(59);
  });

  test('of different counts are an error', async () => {
    const message = 'a has 5 images, but b has 6 labels: they do not belong together.';
    await expect(parseMnist({ ...files, labels: idx([6]) }, { images: 'a', labels: 'b' })).rejects.toThrow(message);
  });

  test('that are swapped are an error', async () => {
    await expect(parseMnist({ images: files.labels, labels: files.images })).rejects.toThrow(
      'The image file holds an array [5], but images must be [count, height, width]',
    );
    await expect(parseMnist({ ...files, labels: files.images })).rejects.toThrow(
      'The label file holds an array [5, 4, 3]',
    );
  });

  test('with labels above 9 are an error', async () => {
    const set = { images: idx([12, 1, 1]), labels: idx([12]) };
    await expect(parseMnist(set)).rejects.toThrow('The label file is not MNIST: label 10 is 10');
  });
});

describe('files are identified by name', () => {
  test.each([
    [
      'official',
      [
        'train-images-idx3-ubyte.gz',
        'train-labels-idx1-ubyte.gz',
        't10k-images-idx3-ubyte.gz',
        't10k-labels-idx1-ubyte.gz',
      ],
    ],
    [
      'dotted',
      ['train-images.idx3-ubyte', 'train-labels.idx1-ubyte', 't10k-images.idx3-ubyte', 't10k-labels.idx1-ubyte'],
    ],
    [
      'other',
      [
        'raw/emnist-digits-train-images-idx3-ubyte',
        'TRAIN-LABELS.IDX1-UBYTE',
        'emnist-digits-test-images-idx3-ubyte.gz',
        't10k-labels-idx1-ubyte (1).gz',
      ],
    ],
  ])('%s names', (_, [trainImages, trainLabels, testImages, testLabels]) => {
    const found = identifyMnistFiles([testLabels, 'notes.txt', trainImages, testImages, trainLabels]);
    expect(found.train).toEqual({ images: trainImages, labels: trainLabels });
    expect(found.test).toEqual({ images: testImages, labels: testLabels });
  });

  test('uncompressed files are preferred to gzipped copies, and other files are ignored', () => {
    const names = ['train-images-idx3-ubyte.gz', 'train-images-idx3-ubyte', 'train-images-idx3-ubyte.txt', 'cat.png'];
    const found = identifyMnistFiles(names);
    expect(found).toEqual({ train: { images: 'train-images-idx3-ubyte' }, test: {} });
    expect(missingMnistFiles(found, 'train')).toEqual(['train-labels-idx1-ubyte']);
    expect(missingMnistFiles(found, 'test')).toEqual(['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte']);
  });
});

const load = async (folder: string, split: 'train' | 'test') => loadMnist(await openDataFiles([folder]), split);

describe('a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'five-tigers-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is loaded, including links and gzip, but not a subfolder with a file's name", async () => {
    await writeFile(join(folder, 'a'), idx([5, 4, 3]));
    await symlink('a', join(folder, 'train-images-idx3-ubyte'));
    await mkdir(join(folder, 'train-labels-idx1-ubyte'));
    await writeFile(join(folder, 'train-labels-idx1-ubyte.gz'), gzipSync(idx([5])));
    expect(await load(folder, 'train')).toMatchObject({ count: 5, height: 4, width: 3 });
  });

  test('that lacks files: the error names them and where to download them', async () => {
    await writeFile(join(folder, 't10k-images-idx3-ubyte.gz'), '');
    await expect(load(folder, 'test')).rejects.toThrow(
      /^The folder .* lacks t10k-labels-idx1-ubyte \(with or without \.gz\)\. Download MNIST's four files from https:/,
    );
    await expect(load(folder, 'train')).rejects.toThrow(/lacks train-images-idx3-ubyte and train-labels-idx1-ubyte/);
  });

  test('with a truncated file: the error names it', async () => {
    await writeFile(join(folder, 't10k-images-idx3-ubyte'), idx([5, 4, 3]).subarray(0, 50));
    await writeFile(join(folder, 't10k-labels-idx1-ubyte'), idx([5]));
    await expect(load(folder, 'test')).rejects.toThrow(
      /t10k-images-idx3-ubyte is truncated: 76 bytes expected, 50 found/,
    );
  });

  test('that does not exist, or is a file: the error names it', async () => {
    const message = `Cannot read the data: ${join(folder, 'no')} does not exist.`;
    await expect(load(join(folder, 'no'), 'test')).rejects.toThrow(message);
    await writeFile(join(folder, 'file'), '');
    await expect(load(join(folder, 'file'), 'test')).rejects.toThrow(
      /file lacks t10k-images-idx3-ubyte and t10k-labels/,
    );
  });
});

const mnist = realData('mnist');
test.skipIf(!mnist)('the real files are loaded', async () => {
  const train = await load(mnist!, 'train');
  const test = await load(mnist!, 'test');
  expect(train).toMatchObject({ count: 60_000, height: 28, width: 28 });
  expect(test.count).toBe(10_000);
  expect([...train.labels.subarray(0, 5), ...test.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9, 7, 2, 1, 0, 4]);
});
