// Compares tensors within a tolerance, and keeps how large the errors really were.

import { appendFileSync } from 'node:fs';
import { afterAll } from 'vitest';
import type { TensorData } from '../../src/core/dtype.ts';
import { deviation } from '../../src/verify/compare.ts';
import type { Tolerance } from '../../src/verify/tolerances.ts';

/** The worst error of each kind of comparison, as a part of what was allowed. */
const worst = new Map<string, number>();

/** Notes an error of a kind of comparison, as a part of what is allowed; true when it is within that. */
export function recordError(kind: string, part: number): boolean {
  worst.set(kind, Math.max(part, worst.get(kind) ?? 0));
  return part <= 1;
}

/**
 * What is wrong with `actual`, or null. `kind` names the comparison, such as `tanh gpu`: with the environment variable
 * FIVE_TIGERS_MEASURE naming a file, each kind's worst error is added to it, as a part of its tolerance.
 */
export function difference(
  kind: string,
  actual: TensorData,
  expected: TensorData,
  tolerance: Tolerance,
): string | null {
  const { part, problem } = deviation(actual, expected, tolerance);
  if (part < Infinity) recordError(kind, part);
  return problem;
}

const report = process.env.FIVE_TIGERS_MEASURE;
afterAll(() => {
  const lines = [...worst].map(([kind, part]) => `${kind} ${part.toPrecision(3)}\n`);
  if (report) appendFileSync(report, lines.join(''));
});
