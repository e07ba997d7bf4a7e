// Learning rates over a run.

import { expect, test } from 'vitest';
import { constantSchedule, cosineSchedule } from '../../src/node.ts';

test('cosine rises straight to its peak, falls to 0, and stays there', () => {
  const schedule = cosineSchedule(0.4, 104, 4);
  expect([0, 1, 2, 3].map(schedule)).toEqual([1, 2, 3, 4].map((part) => expect.closeTo((0.4 * part) / 5, 12)));
  expect(schedule(4)).toBe(0.4);
  expect(schedule(54)).toBeCloseTo(0.2, 12);
  expect(schedule(29)).toBeCloseTo(0.2 * (1 + Math.SQRT1_2), 12);
  expect(schedule(103)).toBeGreaterThan(0);
  expect([schedule(104), schedule(1000)]).toEqual([0, 0]);
});

test('constant is the same at every step', () => {
  expect([0, 5, 1e6].map(constantSchedule(0.01))).toEqual([0.01, 0.01, 0.01]);
});
