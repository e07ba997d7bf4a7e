// The digest by which a resumed run recognizes its training data.

import { expect, test } from 'vitest';
import { digested } from '../../src/cli/commands/train-settings.ts';
import type { DataFiles } from '../../src/index.ts';

/** Two files; the second is read first if `isReversed`. */
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

test('the digest does not depend on the order of reads', async () => {
  expect(await digestOf(twoFiles(true))).toBe(await digestOf(twoFiles(false)));
});

test('different content has a different digest', async () => {
  expect(await digestOf(twoFiles(true, 3))).not.toBe(await digestOf(twoFiles(true)));
});
