// Which cases of the benchmark --case names.

import { modelBenchCases, models } from '../../models/index.ts';
import { benchCases, matchingCases, type BenchCase } from '../node.ts';
import { CommandError, USAGE } from './command-error.ts';

/** The cases that `pattern` names, of the library and of the models. */
export function chosenCases(pattern?: string): BenchCase[] {
  const cases = [...benchCases(), ...modelBenchCases(models)];
  if (pattern === undefined) return cases;
  try {
    return matchingCases(cases, pattern);
  } catch (cause) {
    throw new CommandError((cause as Error).message, USAGE, { cause });
  }
}
