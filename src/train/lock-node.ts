// Keeps two runs from writing one file: a lock beside it, with the process that holds it.

import { randomUUID } from 'node:crypto';
import { promises } from 'node:fs';
import { hostname } from 'node:os';

const { readFile, rename, stat, unlink, writeFile } = promises;

/** Who holds a lock. */
interface Holder {
  readonly process: number;
  readonly host: string;
  readonly since: string;
  /** Two locks of one process differ in this. */
  readonly id: string;
}

/** A lock on a file that is being written. */
export interface FileLock {
  /** Lets others write the file. */
  release(): Promise<void>;
}

/**
 * Locks `file` for this process, by a file `FILE.lock` beside it. The lock of a process that no longer runs counts for nothing.
 * @throws an Error that names the process which holds it, and what to do.
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

/** Puts `own` in the place of the stale lock of `holder`; false where another process is about to, or has. */
async function takeOver(path: string, holder: Holder | null, own: Holder): Promise<boolean> {
  // Whoever makes this file may take over; the lock is read again, as another may have done so before.
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

/** null for a lock that is gone, or was cut short while it was written. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    const found = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder> | null;
    // The id becomes part of a file's name.
    return typeof found?.process === 'number' && /^[\w-]+$/.test(String(found.id)) ? (found as Holder) : null;
  } catch {
    return null;
  }
}

/** Milliseconds after which a lock that cannot be read was surely cut short, rather than being written just now. */
const WRITTEN_AFTER = 10_000;

/** Whether a lock's process no longer runs, as far as can be seen from here: those of other machines count as running. */
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
    // A process of another user cannot be signalled, but is there.
    return (error as NodeJS.ErrnoException).code !== 'EPERM';
  }
}

function heldBy(holder: Holder | null, file: string, path: string): Error {
  const who = holder ? `process ${holder.process} on ${holder.host}, since ${holder.since}` : 'another process';
  return new Error(
    `${file} is being written by another run (${who}). Wait for it, or write another file. If no such run is alive, delete ${path}.`,
  );
}
