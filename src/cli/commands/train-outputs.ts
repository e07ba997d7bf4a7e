// The files that a run writes: locked before it starts, so that no other run writes them.

import { resolve } from 'node:path';
import { lockFile, type FileLock } from '../../node.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { expectWritable } from '../ui/writable.ts';

/** Where a run writes. */
export interface Outputs {
  readonly weights: string;
  readonly checkpoint: string;
  /** Releases the locks. */
  release(): Promise<void>;
}

/** @throws a CommandError if the files are the same, cannot be written, or are being written by another run. */
export async function claimOutputs(weights: string, checkpoint: string): Promise<Outputs> {
  if (resolve(weights) === resolve(checkpoint)) {
    throw new CommandError(
      `The weights and the checkpoint would be the same file, ${weights}; choose different --out and --checkpoint.`,
      USAGE,
    );
  }
  const locks: FileLock[] = [];
  const release = async () => {
    for (const lock of locks) await lock.release();
  };
  for (const file of [weights, checkpoint]) {
    await expectWritable(file);
    const lock = await lockFile(file).catch(async (cause: Error) => {
      await release();
      throw new CommandError(cause.message, USAGE, { cause });
    });
    locks.push(lock);
  }
  return { weights, checkpoint, release };
}
