// Schedules as functions of nothing but the step, and at the ends of a run.

import { expect, test } from 'vitest';
import { constantSchedule, cosineSchedule } from '../../src/node.ts';

test('give the same rates in whatever order steps are asked for', () => {
  const steps = Array.from({ length: 12 }, (_, step) => step);
  for (const schedule of [constantSchedule(0.3), cosineSchedule(0.3, 10), cosineSchedule(0.3, 10, 3)]) {
    const forwards = steps.map(schedule);
    expect(steps.toReversed().map(schedule)).toEqual(forwards.toReversed());
    expect(steps.map(schedule)).toEqual(forwards);
  }
});

test('cosine begins at its peak without a warm-up and only falls from there', () => {
  const rates = Array.from({ length: 11 }, (_, step) => cosineSchedule(0.3, 10)(step));
  expect([rates[0], rates[10]]).toEqual([0.3, 0]);
  expect(rates).toEqual(rates.toSorted((a, b) => b - a));
});

test('cosine keeps sane where there is no room for it', () => {
  expect([0, 1, 2].map(cosineSchedule(0.3, 1))).toEqual([0.3, 0, 0]);
  expect([0, 1, 2, 3].map(cosineSchedule(0.3, 2, 2))).toEqual([0.3 / 3, 0.6 / 3, 0.3, 0]);
});
