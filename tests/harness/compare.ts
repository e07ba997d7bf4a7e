// Compares tensors within a tolerance, and records the actual errors.

import { appendFileSync } from 'node:fs';
import { afterAll } from 'vitest';
import type { TensorData } from '../../src/core/dtype.ts';
import { deviation } from '../../src/verify/compare.ts';
import type { Tolerance } from '../../src/verify/tolerances.ts';

/** The worst error of each kind of comparison, as a fraction of its tolerance. */
const worst = new Map<string, number>();

/** Records an error as a fraction of its tolerance; true if within tolerance. */
export function recordError(kind: string, part: number): boolean {
  worst.set(kind, Math.max(part, worst.get(kind) ?? 0));
  return part <= 1;
}

/**
 * What is wrong with `actual`, or null. `kind` names the comparison, such as `tanh gpu`. If the environment variable
 * FIVE_TIGERS_MEASURE names a file, each kind's worst error is appended to it, as a fraction of its tolerance.
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
