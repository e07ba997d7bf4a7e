// Finds real datasets, which are not part of the project; tests that need them are skipped without them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The folder of a real dataset, such as `realData('mnist')`, or null. Searched in the folder named by the environment variable
 * FIVE_TIGERS_DATA, or else in one beside the repository.
 */
export function realData(name: string): string | null {
  const folder = join(process.env.FIVE_TIGERS_DATA ?? join(repository, '../shared/data'), name);
  return existsSync(folder) ? folder : null;
}
