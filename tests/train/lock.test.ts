// File locks: a second run is rejected with the holder's name; locks of dead processes are taken over.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lockFile } from '../../src/node.ts';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'five-tigers-lock-'))));
afterAll(() => rm(folder, { recursive: true }));

const file = (name: string) => join(folder, name);
const holder = (process: number, host = hostname()) =>
  JSON.stringify({ process, host, since: '2026-01-02T03:04:05.000Z', id: 'other' });

/** The id of an ended process. */
async function deadProcess(): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid!;
}

test('a file is locked until it is released', async () => {
  const lock = await lockFile(file('a'));
  await expect(lockFile(file('a'))).rejects.toThrow(
    `is being written by another run (process ${process.pid} on ${hostname()}, since `,
  );
  await lockFile(file('b')).then((other) => other.release());
  await lock.release();
  expect(existsSync(file('a.lock'))).toBe(false);
  const again = await lockFile(file('a'));
  // A second release does not remove another holder's lock.
  await lock.release();
  expect(existsSync(file('a.lock'))).toBe(true);
  await again.release();
});

test('the error for a lock of a running process names it and says what to do', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  try {
    await writeFile(file('held.lock'), holder(child.pid!));
    await expect(lockFile(file('held'))).rejects.toThrow(
      new RegExp(
        `process ${child.pid} on .*, since 2026-01-02.*Wait for it, or write to another file.*delete .*held\\.lock`,
      ),
    );
  } finally {
    child.kill();
  }
});

test('the lock of an ended process, or an incomplete one, is taken over', async () => {
  await writeFile(file('dead.lock'), holder(await deadProcess()));
  const lock = await lockFile(file('dead'));
  expect(JSON.parse(await readFile(file('dead.lock'), 'utf8'))).toMatchObject({ process: process.pid });
  await lock.release();
  await writeFile(file('cut.lock'), '{"process":');
  // It may still be being written.
  await expect(lockFile(file('cut'))).rejects.toThrow('by another run (another process)');
  await utimes(file('cut.lock'), 0, 0);
  await (await lockFile(file('cut'))).release();
  expect(await readdir(folder)).not.toContainEqual(expect.stringMatching(/^(dead|cut)\.lock/));
});

test('a process on another machine counts as running', async () => {
  await writeFile(file('far.lock'), holder(await deadProcess(), 'another-machine'));
  await expect(lockFile(file('far'))).rejects.toThrow('on another-machine');
});

test('exactly one of many concurrent attempts gets the lock, with or without a stale one', async () => {
  for (const name of ['many', 'many-stale']) {
    if (name === 'many-stale') await writeFile(file(`${name}.lock`), holder(await deadProcess()));
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockFile(file(name))));
    const locks = results.filter(({ status }) => status === 'fulfilled');
    expect(locks).toHaveLength(1);
  }
});

test('a missing folder is an error', async () => {
  await expect(lockFile(join(folder, 'none', 'x'))).rejects.toThrow(/^Cannot write .*x\.lock: ENOENT/);
});
