// Random numbers: the same bits on every device, new ones in every run. Dropout is tested in tests/nn.

import { beforeAll, describe, expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import type { TensorData } from '../../src/core/dtype.ts';
import { Constant, type Tensor } from '../../src/core/tensor.ts';
import { RandomState } from '../../src/core/trace.ts';
import { add } from '../../src/ops/elementwise/binary.ts';
import {
  bernoulli,
  categorical,
  multinomial,
  normal,
  permutation,
  randint,
  uniform,
} from '../../src/ops/random/random.ts';
import { compile } from '../../src/runtime/compile.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { expectShares, shareOf } from '../harness/shares.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';

const shapes = { scalar: [], odd: [33], rows: [3, 65], many: [100_000] };
const WEIGHTS = [0.5, 0.2, 0, 0.3];
const vector = (...values: number[]): Tensor => new Constant([values.length], 'f32', Float32Array.from(values));

type Draws = Record<string, TensorData>;

/** The results of two runs. */
async function twice(device: Device, seed: number, build: () => Record<string, Tensor>): Promise<Draws[]> {
  const program = await compile(device, build, {}, { random: new RandomState(seed) });
  const runs = [await program.run({}), await program.run({})] as Draws[];
  program.dispose();
  return runs;
}

/** Draws that are bitwise equal on every device. */
const exact = (): Record<string, Tensor> => ({
  ...Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, uniform(shape)] as const)),
  again: uniform(shapes.odd),
  moved: add(uniform(shapes.odd), 1),
  coins: bernoulli(0.3, [20_000]),
  ownCoins: bernoulli(vector(0, 0.5, 1)),
  dice: randint(-2, 4, [20_000]),
  widest: randint(-(2 ** 31), 2 ** 31 - 1, [1000]),
  order: permutation(1000),
  one: permutation(1),
});

/** Draws that involve logarithms. */
const rounded = (): Record<string, Tensor> => ({
  standard: normal([20_000]),
  shifted: normal([2, 3], vector(1, 2, 3), 0),
  scaled: normal([20_000], -3, 0.5),
});

/** Choices by the maximum of numbers that involve logarithms. */
const chosen = (): Record<string, Tensor> => {
  const logits = new Constant(
    [2, 4],
    'f32',
    Float32Array.from([...WEIGHTS, 1, 1, 1, 1], (w) => Math.log(w || 1e-30)),
  );
  return {
    classes: categorical(logits, { samples: 10_000 }),
    single: categorical(logits),
    pairs: multinomial(new Constant([5000, 4], 'f32', Float32Array.from({ length: 20_000 }, (_, i) => WEIGHTS[i % 4])), 2), // prettier-ignore
    replaced: multinomial(vector(...WEIGHTS), 10_000, true),
  };
};

const values = (draws: Draws) => Object.fromEntries(Object.entries(draws).map(([name, { data }]) => [name, data]));

let [first, second]: Draws[] = [];
beforeAll(async () => {
  [first, second] = await twice(new CpuDevice(), 7, exact);
});

test('the GPU draws the same bits as the CPU in every run', async () => {
  expect((await twice(await testGpu(), 7, exact)).map(values)).toEqual([first, second].map(values));
});

test('numbers differ by run, draw and seed', async () => {
  for (const name of ['odd', 'coins', 'dice', 'widest', 'order']) {
    expect(second[name].data).not.toEqual(first[name].data);
  }
  expect(first.again.data).not.toEqual(first.odd.data);
  expect((await twice(new CpuDevice(), 8, exact))[0].odd.data).not.toEqual(first.odd.data);
  expect((await twice(new CpuDevice(), 7, exact))[0].odd.data).toEqual(first.odd.data);
});

test('numbers are uniform in [0, 1)', () => {
  const numbers = Array.from(first.many.data);
  expect(numbers.every((value) => value >= 0 && value < 1)).toBe(true);
  const bins = numbers.map((value) => Math.floor(value * 100));
  expectShares(bins, new Array<number>(100).fill(0.01));
});

test('bernoulli and randint have the right frequencies and range', () => {
  expectShares(first.coins.data, [0.7, 0.3]);
  expect([first.ownCoins.data[0], first.ownCoins.data[2]]).toEqual([0, 1]);
  expectShares(first.dice.data.map((value) => value + 2), new Array<number>(6).fill(1 / 6)); // prettier-ignore
  const half = shareOf(first.widest.data, (value) => value < 0);
  expect(Math.abs(half - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(1000));
});

test('a permutation has each number once', () => {
  expect(Array.from(first.order.data).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect(Array.from(first.one.data)).toEqual([0]);
});

describe('the normal distribution', () => {
  let runs: Draws[] = [];
  beforeAll(async () => {
    runs = await twice(new CpuDevice(), 3, rounded);
  });

  test('has the right moments and tails', () => {
    const z = Array.from(runs[0].standard.data);
    const moment = (power: number) => z.reduce((sum, value) => sum + value ** power, 0) / z.length;
    // Standard errors of the moments of n normal numbers: the standard deviations of z, z², z³ and z⁴ over √n.
    [0, 1, 0, 3].forEach((expected, i) => {
      const deviation = Math.sqrt([1, 2, 15, 96][i] / z.length);
      expect(Math.abs(moment(i + 1) - expected)).toBeLessThan(5 * deviation);
    });
    for (const [limit, share] of [[1, 0.3173], [2, 0.0455], [3, 0.0027]]) {
      const found = shareOf(z, (value) => Math.abs(value) > limit);
      expect(Math.abs(found - share)).toBeLessThan(5 * Math.sqrt(share / z.length));
    } // prettier-ignore
    expect(Array.from(runs[0].shifted.data)).toEqual([1, 2, 3, 1, 2, 3]);
    const mean = Array.from(runs[0].scaled.data).reduce((sum, value) => sum + value, 0) / 20_000;
    expect(Math.abs(mean + 3)).toBeLessThan((5 * 0.5) / Math.sqrt(20_000));
    expect(runs[1].standard.data).not.toEqual(runs[0].standard.data);
  });

  test('is the same on the GPU except for rounding', async () => {
    const actual = await twice(await testGpu(), 3, rounded);
    for (const [i, run] of runs.entries()) {
      for (const name of Object.keys(run)) expect(difference('normal gpu', actual[i][name], run[name], toleranceOf('normal', 'gpu', 'output'))).toBeNull(); // prettier-ignore
    }
  });
});

describe('categorical draws', () => {
  let runs: Draws[] = [];
  beforeAll(async () => {
    runs = await twice(new CpuDevice(), 5, chosen);
  });

  test('have the frequencies of their weights', () => {
    const [{ classes, single, pairs, replaced }] = runs;
    expect([classes.shape, single.shape, pairs.shape]).toEqual([[2, 10_000], [2], [5000, 2]]);
    expectShares(classes.data.slice(0, 10_000), WEIGHTS);
    expectShares(classes.data.slice(10_000), [0.25, 0.25, 0.25, 0.25]);
    expectShares(replaced.data, WEIGHTS);
  });

  test('without replacement have each class once, likely ones first', () => {
    const { data } = runs[0].pairs;
    const firsts = data.filter((_, i) => i % 2 === 0);
    const seconds = data.filter((_, i) => i % 2 === 1);
    expect(firsts.every((value, i) => value !== seconds[i])).toBe(true);
    expectShares(firsts, WEIGHTS);
    // j is second with probability Σ over i ≠ j of w[i] · w[j] / (1 - w[i]).
    expectShares(seconds, WEIGHTS.map((w, j) => WEIGHTS.reduce((sum, v, i) => sum + (i === j ? 0 : (v * w) / (1 - v)), 0))); // prettier-ignore
  });

  test('are the same on the GPU except for near ties', async () => {
    const actual = await twice(await testGpu(), 5, chosen);
    for (const [i, run] of runs.entries()) {
      for (const [name, { data }] of Object.entries(run)) {
        const other = actual[i][name].data;
        expect([name, shareOf(data, (value, at) => value !== other[at])]).toEqual([name, expect.closeTo(0, 3)]);
      }
    }
  });
});
