// Caches downloads in a folder: each file under its own name, with its facts in a JSON file beside it.

import { randomBytes } from 'node:crypto';
import { createReadStream, promises } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FileCache, FileFacts, PartialFile } from './file-cache.ts';
import { writeFileAtomic } from './files-node.ts';
import { fileSource } from './place-node.ts';

const { mkdir, open, readFile, rename, rm, stat, writeFile } = promises;

/**
 * The download folder: `FIVE_TIGERS_CACHE` if set, else `five-tigers` in the user's cache folder
 * (`XDG_CACHE_HOME`, `~/.cache`, or `LOCALAPPDATA` on Windows).
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const caches = env.XDG_CACHE_HOME || env.LOCALAPPDATA || join(homedir(), '.cache');
  return env.FIVE_TIGERS_CACHE || join(caches, 'five-tigers');
}

/** A cache in `folder`, created when needed. If two processes fetch the same file at once, the second uses its own partial file. */
export function folderCache(folder: string): FileCache {
  const pathOf = (key: string) => join(folder, ...key.split('/').map(safePart));
  return {
    name: folder,
    async find(key, name) {
      const path = pathOf(key);
      const facts = await readFacts(`${path}.json`);
      const found = await stat(path).catch(() => null);
      // A file of the wrong size, or without its facts, is downloaded again.
      if (!facts || !found?.isFile() || found.size !== facts.size) return null;
      return { facts, bytes: { ...(await fileSource(path)), name } };
    },
    begin: (key) => beginFile(pathOf(key)),
  };
}

// A server's file name must not escape the folder, nor contain characters that some file system forbids.
const safePart = (part: string): string =>
  /^\.+$/.test(part) || part === ''
    ? `_${part}`
    : part.replace(/[^\w.@+-]/g, (char) => `%${char.codePointAt(0)!.toString(16)}`);

async function readFacts(path: string): Promise<FileFacts | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as FileFacts;
  } catch {
    return null;
  }
}

const writeFacts = (path: string, facts: FileFacts) =>
  writeFileAtomic(path, new TextEncoder().encode(JSON.stringify(facts)));

async function beginFile(path: string): Promise<PartialFile> {
  await mkdir(dirname(path), { recursive: true });
  const lock = `${path}.lock`;
  const isFirst = await claim(lock);
  const part = isFirst ? `${path}.part` : `${path}.${randomBytes(6).toString('hex')}.part`;
  const partFacts = `${part}.json`;
  const release = async () => {
    if (isFirst) await rm(lock, { force: true });
  };
  let facts = await readFacts(partFacts);
  const handle = await open(part, 'a+').then(async (created) => {
    // Reopened without "append" mode, which would ignore write positions.
    await created.close();
    return open(part, 'r+');
  });
  let { size } = await handle.stat();
  if (!facts) size = 0;
  return {
    get size() {
      return size;
    },
    get facts() {
      return facts;
    },
    read: () => (size === 0 ? nothing() : createReadStream(part, { end: size - 1 })),
    async append(bytes) {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, size + done);
        done += bytesWritten;
      }
      size += bytes.length;
    },
    async restart(newFacts) {
      await handle.truncate(0);
      size = 0;
      facts = newFacts;
      await writeFacts(partFacts, facts);
    },
    async finish(name, wholeFacts) {
      await handle.sync();
      await handle.close();
      // Another process that fetched the same file may have finished first.
      await rename(part, path).catch(async (error) => {
        if ((await stat(path).catch(() => null))?.size !== wholeFacts.size) throw error;
      });
      // Written after the file, so that these facts never describe an older one.
      await writeFacts(`${path}.json`, wholeFacts);
      await rm(partFacts, { force: true });
      await release();
      return { ...(await fileSource(path)), name };
    },
    // Nothing would find a separate partial file again.
    pause: async () => (isFirst ? handle.close().then(release, release) : drop()),
    drop,
  };

  async function drop(): Promise<void> {
    await handle.close().catch(() => {});
    await rm(part, { force: true });
    await rm(partFacts, { force: true });
    await release();
  }
}

/** Takes the lock, a file with the owner's process id; false if a live process holds it. */
async function claim(lock: string): Promise<boolean> {
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(lock, 'utf8').catch(() => '0'));
    if (owner && isAlive(owner)) return false;
    await rm(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 only tests whether the process exists.
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}
