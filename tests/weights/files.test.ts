// Files in Node: atomic writes, and errors that name the file and the reason.

import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFileOrExplain, writeFileAtomic } from '../../src/weights/files-node.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'five-tigers-'));
});
afterEach(() => rm(folder, { recursive: true }));

const bytes = Uint8Array.of(1, 2, 3);

test('a write creates or replaces the file and leaves no other file', async () => {
  const path = join(folder, 'a.bin');
  await writeFileAtomic(path, Uint8Array.of(9, 9, 9, 9));
  await writeFileAtomic(path, bytes);
  expect([...(await readFileOrExplain(path, 'it'))]).toEqual([1, 2, 3]);
  expect(await readdir(folder)).toEqual(['a.bin']);
});

test('concurrent writes to one path leave one complete file', async () => {
  const path = join(folder, 'a.bin');
  await Promise.all(Array.from({ length: 8 }, (_, i) => writeFileAtomic(path, new Uint8Array(1000).fill(i))));
  const found = await readFile(path);
  expect(found.length).toBe(1000);
  expect(new Set(found).size).toBe(1);
  expect(await readdir(folder)).toEqual(['a.bin']);
});

test('a failed write keeps the old file and removes the temporary one', async () => {
  const path = join(folder, 'a.bin');
  await writeFileAtomic(path, bytes);
  // Not bytes, so the write fails after the temporary file was opened.
  await expect(writeFileAtomic(path, { length: 3 } as Uint8Array)).rejects.toThrow(`Cannot write ${path}: `);
  expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  expect(await readdir(folder)).toEqual(['a.bin']);
});

test('a failed rename removes the temporary file', async () => {
  await mkdir(join(folder, 'taken'));
  await expect(writeFileAtomic(join(folder, 'taken'), bytes)).rejects.toThrow(/taken is a folder, not a file/);
  expect(await readdir(folder)).toEqual(['taken']);
});

test('the error for a missing folder names it', async () => {
  const path = join(folder, 'no', 'a.bin');
  await expect(writeFileAtomic(path, bytes)).rejects.toThrow(`there is no folder ${join(folder, 'no')}.`);
  await expect(readFileOrExplain(path, 'the weights')).rejects.toThrow(
    `Cannot read the weights: there is no folder ${join(folder, 'no')}.`,
  );
});

test('a write preserves a symbolic link and the permissions', async () => {
  const [path, link] = [join(folder, 'real.bin'), join(folder, 'link.bin')];
  await writeFile(path, 'old');
  await chmod(path, 0o600);
  await symlink('real.bin', link);
  await writeFileAtomic(link, bytes);
  expect(await readlink(link)).toBe('real.bin');
  expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a read error says what is wrong', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(readFileOrExplain(join(folder, 'x.png'), 'the image')).rejects.toThrow(
    `Cannot read the image: there is no file x.png in the folder ${folder}.`,
  );
  await expect(readFileOrExplain(folder, 'the image')).rejects.toThrow('is a folder, not a file');
  await expect(readFileOrExplain(join(folder, 'file', 'x'), 'the image')).rejects.toThrow('is a file, not a folder');
});
