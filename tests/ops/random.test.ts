// Random numbers: the same bits on every device, new ones on every run; dropout is tested in tests/nn.

import { beforeAll, expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { RandomState } from '../../src/core/trace.ts';
import { add } from '../../src/ops/binary.ts';
import { uniform } from '../../src/ops/random.ts';
import { compile } from '../../src/runtime/compile.ts';
import { testGpu } from '../harness/devices.ts';

const shapes = { scalar: [], odd: [33], rows: [3, 65], many: [100_000] };

/** Draws twice on each of two runs. */
async function draws(device: Device, seed: number): Promise<Record<string, ArrayLike<number>>[]> {
  const build = () => {
    const named = Object.entries(shapes).map(([name, shape]) => [name, uniform(shape)] as const);
    return { ...Object.fromEntries(named), again: uniform(shapes.odd), moved: add(uniform(shapes.odd), 1) };
  };
  const program = await compile(device, build, {}, { random: new RandomState(seed) });
  const runs = [await program.run({}), await program.run({})];
  program.dispose();
  return runs.map((run) => Object.fromEntries(Object.entries(run).map(([name, { data }]) => [name, data])));
}

let [first, second]: Record<string, ArrayLike<number>>[] = [];
beforeAll(async () => {
  [first, second] = await draws(new CpuDevice(), 7);
});

test('the GPU draws the same bits as the CPU, run after run', async () => {
  expect(await draws(await testGpu(), 7)).toEqual([first, second]);
});

test('numbers differ from run to run, from draw to draw and from seed to seed', async () => {
  expect(second.odd).not.toEqual(first.odd);
  expect(first.again).not.toEqual(first.odd);
  expect((await draws(new CpuDevice(), 8))[0].odd).not.toEqual(first.odd);
  expect((await draws(new CpuDevice(), 7))[0].odd).toEqual(first.odd);
});

test('numbers lie evenly in [0, 1)', () => {
  const values = Array.from(first.many);
  expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  // A hundred bins of a thousand each, with a standard deviation of 31.
  const bins = new Array<number>(100).fill(0);
  for (const value of values) bins[Math.floor(value * 100)]++;
  expect(Math.min(...bins)).toBeGreaterThan(1000 - 5 * 31);
  expect(Math.max(...bins)).toBeLessThan(1000 + 5 * 31);
});
