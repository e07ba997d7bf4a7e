// The files that a run writes: claimed before it begins, so that no other run writes them, and written at its end.

import { mkdir, open, readFile, unlink } from 'node:fs/promises';
import { unlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { expectWritable } from '../ui/writable.ts';

/** Where a run writes. */
export interface Outputs {
  readonly weights: string;
  readonly checkpoint: string;
  /** Lets other runs write there again. */
  release(): Promise<void>;
}

/** Locks that this process holds. */
const held = new Set<string>();
// Also when a second Ctrl-C ends the process at once.
process.on('exit', () => held.forEach((lock) => unlinkQuietly(lock)));

function unlinkQuietly(lock: string): void {
  try {
    unlinkSync(lock);
  } catch {
    // It is gone already.
  }
}

/** @throws a CommandError where the files are one, cannot be written, or are being written by another run. */
export async function claimOutputs(weights: string, checkpoint: string): Promise<Outputs> {
  if (resolve(weights) === resolve(checkpoint)) {
    throw new CommandError(`--out and the checkpoint are the same file, ${weights}: name two.`, USAGE);
  }
  const locks: string[] = [];
  const release = async () => {
    for (const lock of locks) {
      held.delete(lock);
      await unlink(lock).catch(() => {});
    }
  };
  try {
    for (const file of [weights, checkpoint]) {
      await expectWritable(file);
      locks.push(await claim(file));
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { weights, checkpoint, release };
}

async function claim(file: string): Promise<string> {
  const lock = resolve(`${file}.lock`);
  await mkdir(dirname(lock), { recursive: true });
  // Twice at most: a lock that a killed run has left is taken over.
  for (let attempt = 0; ; attempt++) {
    const handle = await open(lock, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return null;
      throw new CommandError(`Cannot write ${lock}: ${error.message}`, 1, { cause: error });
    });
    if (handle) {
      held.add(lock);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return lock;
    }
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (attempt > 0 || held.has(lock) || isRunning(owner)) {
      throw new CommandError(
        `Another run (process ${owner || process.pid}) is writing ${file}. Name other files with --out and --checkpoint, ` +
          `or delete ${lock} if it is gone.`,
        USAGE,
      );
    }
    await unlink(lock).catch(() => {});
  }
}

/** Whether there is a process `id`, other than this one. */
function isRunning(id: number): boolean {
  if (!id || id === process.pid) return false;
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    // It belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
