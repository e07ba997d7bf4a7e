// Optimizers, schedules and recipes by name, and settings that differ in a resumed run.

import { expect, test } from 'vitest';
import {
  Linear, makeOptimizer, makeSchedule, optimizers, schedules, SGD, settingConflicts, stepsOf, withChoices,
  type OptimizerName, type Recipe, type ScheduleName,
} from '../../src/node.ts'; // prettier-ignore

const recipe: Recipe = { epochs: 2, batchSize: 4, optimizer: 'adamw', learningRate: 0.002, schedule: 'cosine' };

test.each(Object.keys(optimizers) as OptimizerName[])(
  '%s makes its optimizer with the settings of the recipe',
  (name) => {
    const optimizer = makeOptimizer({ ...recipe, optimizer: name, weightDecay: 0.25 }, new Linear(2, 3).parameters());
    expect(optimizer.kind).toBe(optimizers[name].kind);
    expect(optimizer.learningRate.value).toBe(0.002);
    expect(optimizer.weightDecay.value).toBe(0.25);
    expect(optimizer.parameters).toHaveLength(2);
  },
);

test("decayOf: 'matrices' excludes vectors, and groups keep their own decay", () => {
  const [layer, other] = [new Linear(2, 3), new Linear(3, 3)];
  const given = { ...recipe, weightDecay: 0.5, decayOf: 'matrices' } as const;
  const plain = makeOptimizer(given, layer.parameters());
  expect(plain.groupDecays.map(({ value }) => value)).toEqual([0.5, 0]);
  expect(plain.parameters).toEqual([layer.weight, layer.bias]);
  const grouped = makeOptimizer(given, [
    { parameters: layer.parameters() },
    { parameters: other.parameters(), weightDecay: 0.1 },
  ]);
  expect(grouped.groupDecays.map(({ value }) => value)).toEqual([0.5, 0, 0.1]);
});

test('hyperparameters have unique names for checkpoints', () => {
  const layer = new Linear(2, 2);
  const groups = [{ parameters: [layer.weight] }, { parameters: [layer.bias!], weightDecay: 0 }];
  const optimizer = new SGD(groups, { momentum: 0.5, learningRate: 0.1, weightDecay: 0.2 });
  const values = Object.fromEntries([...optimizer.hyperparameters()].map(([name, { value }]) => [name, value]));
  expect(values).toEqual({ learningRate: 0.1, weightDecay: 0.2, 'weightDecay.0': 0, momentum: 0.5 });
});

test.each(Object.keys(schedules) as ScheduleName[])('%s rises to the peak during warm-up', (schedule) => {
  const rate = makeSchedule({ learningRate: 2, schedule, warmup: 4 }, 20);
  const rates = Array.from({ length: 20 }, (_, step) => rate(step));
  expect(rates[0]).toBeLessThan(1);
  for (let step = 1; step < 4; step++) expect(rates[step]).toBeGreaterThan(rates[step - 1]);
  expect(Math.max(...rates)).toBeCloseTo(2);
  expect(rates[19]).toBeLessThanOrEqual(2);
});

test('the default warm-up is 5 % of the steps, at most 500', () => {
  const peakOf = (steps: number) => {
    const rate = makeSchedule({ learningRate: 1, schedule: 'cosine' }, steps);
    return Array.from({ length: steps }, (_, step) => rate(step)).indexOf(1);
  };
  expect(peakOf(200)).toBe(10);
  expect(peakOf(20_000)).toBe(500);
});

test('the error for an unknown name lists the valid ones', () => {
  const parameters = new Linear(1, 1).parameters();
  const wrong = { ...recipe, optimizer: 'adamax' as OptimizerName, schedule: 'sine' as ScheduleName };
  expect(() => makeOptimizer(wrong, parameters)).toThrow(
    'There is no optimizer "adamax"; choose one of adamw, adam, sgd, rmsprop, adagrad, lion.',
  );
  expect(() => makeSchedule(wrong, 10)).toThrow('There is no schedule "sine"; choose one of cosine, constant, linear');
});

test('choices override a recipe, and another optimizer scales its learning rate', () => {
  expect(withChoices(recipe, { batchSize: 8, optimizer: undefined })).toEqual({ ...recipe, batchSize: 8 });
  expect(withChoices(recipe, { optimizer: 'sgd' }).learningRate).toBe(0.02);
  expect(withChoices(recipe, { optimizer: 'sgd', learningRate: 0.1 }).learningRate).toBe(0.1);
  expect(Object.keys(withChoices(recipe, { steps: 100 }))).not.toContain('epochs');
  expect(stepsOf(withChoices(recipe, { steps: 100 }), 30)).toBe(100);
  expect(stepsOf(recipe, 30)).toBe(60);
  expect(() => stepsOf({ ...recipe, steps: 5 }, 30)).toThrow('must have either steps or epochs');
});

test('only requested settings are compared, as JSON', () => {
  const stored = { model: 'tiny', seed: 1, augment: { shift: 2, angles: [1, 2] }, data: 'abc' };
  expect(settingConflicts(stored, { seed: 1, augment: { angles: [1, 2], shift: 2 }, data: undefined })).toEqual([]);
  expect(settingConflicts(stored, { seed: 2, augment: { shift: 2, angles: [1] }, extra: null })).toEqual([
    { name: 'seed', stored: 1, wanted: 2 },
    { name: 'augment', stored: stored.augment, wanted: { shift: 2, angles: [1] } },
    { name: 'extra', stored: undefined, wanted: null },
  ]);
});
