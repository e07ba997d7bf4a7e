// Finds real data sets, which are no part of the project: tests that want them skip where they are absent.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The folder of a real data set, such as `realData('mnist')`, or null where there is none. It is looked for in the
 * folder that the environment variable FIVE_TIGERS_DATA names, or else in one beside the repository.
 */
export function realData(name: string): string | null {
  const folder = join(process.env.FIVE_TIGERS_DATA ?? join(repository, '../shared/data'), name);
  return existsSync(folder) ? folder : null;
}
