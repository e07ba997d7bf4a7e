// The digest by which a resumed run knows its training data.

import { expect, test } from 'vitest';
import { digested } from '../../src/cli/commands/train-settings.ts';
import type { DataFiles } from '../../src/index.ts';

/** Two files, the second of which is read first when `isReversed`. */
function twoFiles(isReversed: boolean, first = 1): DataFiles {
  const contents: Record<string, number> = { 'a.txt': first, 'b.txt': 2 };
  return {
    title: 'two files',
    names: Object.keys(contents),
    async bytes(name) {
      const isLate = (name === 'a.txt') === isReversed;
      await new Promise((resolve) => setTimeout(resolve, isLate ? 20 : 0));
      return Uint8Array.of(contents[name]);
    },
  };
}

async function digestOf(files: DataFiles): Promise<string> {
  const read = digested(files);
  await Promise.all(files.names.map((name) => read.files.bytes(name)));
  return read.digest();
}

test('the same files have the same digest, whichever is read first', async () => {
  expect(await digestOf(twoFiles(true))).toBe(await digestOf(twoFiles(false)));
});

test('another content has another digest', async () => {
  expect(await digestOf(twoFiles(true, 3))).not.toBe(await digestOf(twoFiles(true)));
});
