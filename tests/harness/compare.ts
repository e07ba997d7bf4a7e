// Compares tensors within a tolerance, and keeps how large the errors really were.

import { appendFileSync } from 'node:fs';
import { afterAll } from 'vitest';
import type { TensorData } from '../../src/core/dtype.ts';
import { formatShape, sameShape } from '../../src/core/shape.ts';
import type { Tolerance } from '../../src/verify/tolerances.ts';

/** Below it f32 has subnormal numbers only, which a GPU may flush to zero. */
const SMALLEST_NORMAL = 2 ** -126;

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
  { absolute, relative }: Tolerance,
): string | null {
  if (actual.dtype !== expected.dtype || !sameShape(actual.shape, expected.shape)) {
    const text = ({ dtype, shape }: TensorData) => `${dtype}${formatShape(shape)}`;
    return `is ${text(actual)}, expected ${text(expected)}`;
  }
  if (actual.data.length !== expected.data.length) {
    return `has ${actual.data.length} values, expected ${expected.data.length}`;
  }
  let [largest, at] = [0, -1];
  for (let i = 0; i < expected.data.length; i++) {
    const [a, e] = [actual.data[i], expected.data[i]];
    if (Object.is(a, e) || a === e) continue;
    const ratio = Math.abs(a - e) / (absolute + relative * Math.abs(e) + SMALLEST_NORMAL);
    // Infinities and NaN that differ are infinitely wrong.
    const error = Number.isNaN(ratio) ? Infinity : ratio;
    if (error > largest) [largest, at] = [error, i];
  }
  if (recordError(kind, largest)) return null;
  const [a, e] = [actual.data[at], expected.data[at]];
  return `element ${at} is ${a}, expected ${e}: off by ${Math.abs(a - e)}, ${largest.toPrecision(3)} × the tolerance`;
}

const report = process.env.FIVE_TIGERS_MEASURE;
afterAll(() => {
  const lines = [...worst].map(([kind, part]) => `${kind} ${part.toPrecision(3)}\n`);
  if (report) appendFileSync(report, lines.join(''));
});
