// Random programs that update parameters: results match the CPU, whatever is merged or packed.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { RandomSource } from '../../src/core/random.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { compile } from '../../src/runtime/compile.ts';
import { testGpu } from '../harness/devices.ts';
import { runsAll } from '../harness/test-op.ts';
import { memoryProblems } from './check-memory.ts';
import { kernelNames, planOf } from './plan-of.ts';
import { randomState, randomUpdates } from './random-updates.ts';

/** Values without signed zeros, which WGSL leaves to the implementation. */
const numbers = (data: ArrayLike<number>): number[] => Array.from(data, (x) => x + 0);
const names = (tensors: readonly Tensor[]) => Object.fromEntries(tensors.map((one, i) => [`y${i}`, one]));

test('plans overwrite nothing that is still read, and often merge updates', async () => {
  let merged = 0;
  const seeds = runsAll ? 400 : 30;
  for (let seed = 0; seed < seeds; seed++) {
    const draw = new RandomSource(seed, 7);
    const states = [1, 2, 3].map(() => randomState(draw, 4 + draw.integer(8)));
    // The second program finds the parameters as the first one packed them.
    for (const _ of [1, 2]) {
      const found = await planOf(() => names(states.flatMap((state) => randomUpdates(draw, state))), {});
      expect(memoryProblems(found), `seed ${seed}`).toEqual([]);
      merged += kernelNames(found).filter((name) => name.includes(' × ')).length;
    }
  }
  expect(merged).toBeGreaterThan(seeds / 2);
});

test.each(Array.from({ length: runsAll ? 16 : 3 }, (_, i) => i))(
  'results match the CPU, batch %i',
  { timeout: 120_000 },
  async (batch) => {
    const results: number[][][] = [];
    for (const device of [await testGpu(), new CpuDevice()]) {
      const draw = new RandomSource(batch, 8);
      const states = Array.from({ length: 8 }, () => randomState(draw, 10));
      const make = () => compile(device, () => names(states.flatMap((state) => randomUpdates(draw, state))), {});
      const programs = [await make(), await make()];
      const found: number[][] = [];
      if (device.capabilities) for (const { plan } of programs) expect(memoryProblems(plan)).toEqual([]);
      for (const program of [programs[0], programs[1], programs[0]])
        found.push(...Object.values(await program.run({})).map(({ data }) => numbers(data)));
      results.push([
        ...found,
        ...(await Promise.all(states.flat().map(async (one) => numbers((await one.read()).data)))),
      ]);
      for (const program of programs) program.dispose();
    }
    expect(results[0]).toEqual(results[1]);
  },
);
