// A lock file that prevents two runs from writing the same file.

import { randomUUID } from 'node:crypto';
import { promises } from 'node:fs';
import { hostname } from 'node:os';

const { readFile, rename, stat, unlink, writeFile } = promises;

/** The holder of a lock. */
interface Holder {
  readonly process: number;
  readonly host: string;
  readonly since: string;
  /** Distinguishes the locks of one process. */
  readonly id: string;
}

/** A held lock. */
export interface FileLock {
  /** Releases the lock. */
  release(): Promise<void>;
}

/**
 * Locks `file` for this process with a file `FILE.lock` beside it. A lock whose process has ended is taken over.
 * @throws an Error that names the process that holds the lock, and what to do.
 */
export async function lockFile(file: string): Promise<FileLock> {
  const path = `${file}.lock`;
  const own: Holder = { process: process.pid, host: hostname(), since: new Date().toISOString(), id: randomUUID() };
  const lock: FileLock = { release: () => release(path, own) };
  if (await create(path, own)) return lock;
  const holder = await readHolder(path);
  if ((await isStale(path, holder)) && (await takeOver(path, holder, own))) return lock;
  throw heldBy(await readHolder(path), file, path);
}

async function create(path: string, own: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(own), { flag: 'wx' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new Error(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Replaces `holder`'s stale lock with `own`; false if another process is faster. */
async function takeOver(path: string, holder: Holder | null, own: Holder): Promise<boolean> {
  // The process that creates this file may take over. It reads the lock again, as another may already have replaced it.
  const right = `${path}.${holder?.id ?? 'cut'}`;
  if (!(await create(right, own))) return false;
  try {
    if ((await readHolder(path))?.id !== holder?.id) return false;
    const fresh = `${path}.${own.id}`;
    await writeFile(fresh, JSON.stringify(own));
    await rename(fresh, path);
    return true;
  } finally {
    await unlink(right).catch(() => {});
  }
}

async function release(path: string, own: Holder): Promise<void> {
  const holder = await readHolder(path);
  if (holder?.id === own.id) await unlink(path).catch(() => {});
}

/** null if the lock is gone or incomplete. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    const found = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder> | null;
    // The id is used in file names.
    return typeof found?.process === 'number' && /^[\w-]+$/.test(String(found.id)) ? (found as Holder) : null;
  } catch {
    return null;
  }
}

/** Milliseconds after which an unreadable lock is considered incomplete rather than being written. */
const WRITTEN_AFTER = 10_000;

/** Whether a lock's process has ended. Processes on other machines count as running. */
async function isStale(path: string, holder: Holder | null): Promise<boolean> {
  if (!holder) {
    const found = await stat(path).catch(() => null);
    return found !== null && Date.now() - found.mtimeMs > WRITTEN_AFTER;
  }
  if (holder.host !== hostname()) return false;
  try {
    process.kill(holder.process, 0);
    return false;
  } catch (error) {
    // EPERM: the process exists, but belongs to another user.
    return (error as NodeJS.ErrnoException).code !== 'EPERM';
  }
}

function heldBy(holder: Holder | null, file: string, path: string): Error {
  const who = holder ? `process ${holder.process} on ${holder.host}, since ${holder.since}` : 'another process';
  return new Error(
    `${file} is being written by another run (${who}). Wait for it, or write to another file. If no such run exists, delete ${path}.`,
  );
}
