// Keeps downloads in a folder: a file under its own name, what is known of it beside it.

import { randomBytes } from 'node:crypto';
import { createReadStream, promises } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FileCache, FileFacts, PartialFile } from './file-cache.ts';
import { writeFileAtomic } from './files-node.ts';
import { fileSource } from './place-node.ts';

const { mkdir, open, readFile, rename, rm, stat, writeFile } = promises;

/**
 * The folder of downloads: `FIVE_TIGERS_CACHE` if that is set, else `five-tigers` in the user's folder of caches
 * (`XDG_CACHE_HOME`, `~/.cache`, or `LOCALAPPDATA` under Windows).
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const caches = env.XDG_CACHE_HOME || env.LOCALAPPDATA || join(homedir(), '.cache');
  return env.FIVE_TIGERS_CACHE || join(caches, 'five-tigers');
}

/** A cache in `folder`, which is made when it is needed. Of two that fetch the same file at once, the second begins apart. */
export function folderCache(folder: string): FileCache {
  const pathOf = (key: string) => join(folder, ...key.split('/').map(safePart));
  return {
    name: folder,
    async find(key, name) {
      const path = pathOf(key);
      const facts = await readFacts(`${path}.json`);
      const found = await stat(path).catch(() => null);
      // A file that was cut by hand, or whose facts were lost, is fetched again.
      if (!facts || !found?.isFile() || found.size !== facts.size) return null;
      return { facts, bytes: { ...(await fileSource(path)), name } };
    },
    begin: (key) => beginFile(pathOf(key)),
  };
}

// A name from a server must not lead out of the folder, nor be one that some system forbids.
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
    // Opened again without "append", which would ignore positions.
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
      // Another process that fetched the same may have been quicker.
      await rename(part, path).catch(async (error) => {
        if ((await stat(path).catch(() => null))?.size !== wholeFacts.size) throw error;
      });
      // After the file: what these facts say must never be of an older one.
      await writeFacts(`${path}.json`, wholeFacts);
      await rm(partFacts, { force: true });
      await release();
      return { ...(await fileSource(path)), name };
    },
    // What was begun apart is found by nobody.
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

/** Whether nobody else that is still there has this lock: a file with the number of the process. */
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
    // Signal 0 is only a question.
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}
