// Checks, before the work, whether its results can be written.

import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandError } from './command-error.ts';

/** Throws a CommandError if the folder of `file` is missing or read-only. */
export async function expectWritable(file: string): Promise<void> {
  await access(dirname(file), constants.W_OK).catch((cause) => {
    throw new CommandError(`Cannot write ${file}: the folder ${dirname(file)} is missing or read-only.`, 1, { cause });
  });
}
