// The benchmark cases that --case selects.

import { modelBenchCases, models } from '../../../models/index.ts';
import { benchCases, matchingCases, type BenchCase } from '../../node.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';

/** The cases of the library and of the models that match `pattern`. */
export async function chosenCases(pattern?: string): Promise<BenchCase[]> {
  const entries = await Promise.all(Object.values(models).map((record) => record.load()));
  const cases = [...benchCases(), ...modelBenchCases(entries)];
  if (pattern === undefined) return cases;
  try {
    return matchingCases(cases, pattern);
  } catch (cause) {
    throw new CommandError((cause as Error).message, USAGE, { cause });
  }
}
