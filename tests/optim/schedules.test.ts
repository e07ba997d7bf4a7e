// Schedules: PyTorch's rates, as pure functions of the step, and behaviour at the ends of a run.

import { expect, test } from 'vitest';
import {
  constantSchedule, cosineSchedule, exponentialSchedule, linearSchedule, multiStepSchedule, oneCycleSchedule,
  polynomialSchedule, stepSchedule, withWarmup, type Schedule,
} from '../../src/node.ts'; // prettier-ignore
import { readFixture } from '../harness/fixtures.ts';

/** The fixture's schedules, all with a peak of 0.5. */
const schedules: Record<string, Schedule> = {
  step: stepSchedule(0.5, 4, 0.5),
  multiStep: multiStepSchedule(0.5, [3, 9, 10], 0.1),
  exponential: exponentialSchedule(0.5, 0.9),
  linear: linearSchedule(0.5, 8, { from: 0.25, to: 0.75 }),
  polynomial: polynomialSchedule(0.5, 12, 2),
  cosine: cosineSchedule(0.5, 19),
  oneCycle: oneCycleSchedule(0.5, 20),
  oneCycleUneven: oneCycleSchedule(0.5, 20, { rising: 0.45, startDivisor: 5 }),
};
const steps = Array.from({ length: 20 }, (_, step) => step);

test.each(Object.entries(schedules))('%s matches PyTorch', (name, schedule) => {
  // The file has f32 values.
  const expected = [...readFixture('schedules').tensors.get(name)!.data];
  expect(steps.map(schedule)).toEqual(expected.map((rate) => expect.closeTo(rate, 7) as number));
});

test('schedules do not depend on the order of calls', () => {
  for (const schedule of [...Object.values(schedules), constantSchedule(0.3), cosineSchedule(0.3, 10, 3)]) {
    const forwards = steps.map(schedule);
    expect(steps.toReversed().map(schedule)).toEqual(forwards.toReversed());
    expect(steps.map(schedule)).toEqual(forwards);
  }
});

test('schedules stay constant beyond the last step', () => {
  const { linear, polynomial, oneCycle } = schedules;
  for (const schedule of [linear, polynomial, oneCycle]) expect(schedule(1000)).toBe(schedule(19));
  expect(polynomial(12)).toBe(0);
});

test('a warm-up rises linearly to the first rate of its schedule', () => {
  const schedule = withWarmup(stepSchedule(0.5, 2, 0.5), 4);
  expect([0, 1, 2, 3, 4, 5, 6].map(schedule)).toEqual([0.1, 0.2, expect.closeTo(0.3, 12), 0.4, 0.5, 0.5, 0.25]);
  expect(steps.map(withWarmup(cosineSchedule(0.4, 10), 3))).toEqual(steps.map(cosineSchedule(0.4, 13, 3)));
});

test('cosine without a warm-up starts at its peak and decreases', () => {
  const rates = Array.from({ length: 11 }, (_, step) => cosineSchedule(0.3, 10)(step));
  expect([rates[0], rates[10]]).toEqual([0.3, 0]);
  expect(rates).toEqual(rates.toSorted((a, b) => b - a));
});

test('cosine rises linearly to its peak, falls to 0, and stays there', () => {
  const schedule = cosineSchedule(0.4, 104, 4);
  expect([0, 1, 2, 3].map(schedule)).toEqual([1, 2, 3, 4].map((part) => expect.closeTo((0.4 * part) / 5, 12)));
  expect(schedule(4)).toBe(0.4);
  expect(schedule(54)).toBeCloseTo(0.2, 12);
  expect(schedule(29)).toBeCloseTo(0.2 * (1 + Math.SQRT1_2), 12);
  expect(schedule(103)).toBeGreaterThan(0);
  expect([schedule(104), schedule(1000)]).toEqual([0, 0]);
});

test('cosine stays valid if the warm-up takes the whole run', () => {
  expect([0, 1, 2].map(cosineSchedule(0.3, 1))).toEqual([0.3, 0, 0]);
  expect([0, 1, 2, 3].map(cosineSchedule(0.3, 2, 2))).toEqual([0.3 / 3, 0.6 / 3, 0.3, 0]);
});

test('constant has the same rate at every step', () => {
  expect([0, 5, 1e6].map(constantSchedule(0.01))).toEqual([0.01, 0.01, 0.01]);
});
