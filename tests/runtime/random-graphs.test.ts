// Random graphs and their gradients: the GPU with and without fusion, and the CPU, must agree.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { compile } from '../../src/runtime/compile.ts';
import { memoryProblems } from './check-memory.ts';
import { runsAll } from '../harness/test-op.ts';
import { expectClose, randomValues, runEverywhere, type Results } from './everywhere.ts';
import { planOf } from './plan-of.ts';
import { randomGraph, randomGraphSpecs } from './random-graph.ts';
import { noisyCpu } from './rounding.ts';

/** Graphs compiled together: most pipelines are shared, and errors still name the graph. */
const BATCH = 20;
const BATCHES = runsAll ? 25 : 4;
const GRAPHS = BATCH * BATCHES;

/**
 * The size of one rounding: WGSL allows division an error of 2.5 ulp and exp, for the values here, 3 + 2 · 4; tanh consists of
 * these. 16 units of 2^-24 cover them and a sum's order.
 */
const ROUNDING = 16 * 2 ** -24;
/** The worst of four random runs is rarely below a quarter of the worst case. */
const SAFETY = 4;

/** For each output, its possible rounding error, and its magnitude. */
async function roundingErrors(build: Build, specs: Specs, values: ReturnType<typeof randomValues>) {
  const runOn = async (device: Device) => (await (await compile(device, build, specs)).run(values)) as Results;
  const exact = await runOn(new CpuDevice({ float64: true }));
  const noisy = await Promise.all([1, 2, 3, 4].map((seed) => runOn(noisyCpu(ROUNDING, seed))));
  return Object.fromEntries(
    Object.entries(exact).map(([name, { data }]) => {
      const errors = noisy.map((result) => Math.max(...data.map((value, i) => Math.abs(result[name].data[i] - value))));
      return [name, { error: SAFETY * Math.max(...errors), size: Math.max(...data.map(Math.abs)) }];
    }),
  );
}
type Build = (inputs: Record<string, Tensor>) => Record<string, Tensor>;
type Specs = ReturnType<typeof randomGraphSpecs>;

// Size 4 stores in vec4s, 3 value by value; 5 has edges in both.
const batches = Array.from({ length: BATCHES }, (_, i) => [[4, 3, 4, 5][i % 4], i * BATCH] as const);
test.each(batches)(
  'GPU and CPU agree: matrices of %i, graphs from number %i',
  { timeout: 600_000 },
  async (n, first) => {
    const specs = randomGraphSpecs(n);
    const build: Build = (inputs) =>
      Object.fromEntries(
        Array.from({ length: BATCH }, (_, i) => first + i).flatMap((seed) =>
          Object.entries(randomGraph(seed, n, inputs)).map(
            ([name, tensor]) => [`graph ${seed} ${name}`, tensor] as const,
          ),
        ),
      );
    const values = randomValues(specs, n);
    const rounding = await roundingErrors(build, specs, values);
    // The bound must not be too loose.
    for (const [name, { error, size }] of Object.entries(rounding))
      expect(error, name).toBeLessThan(1e-3 * (size + 0.1));
    const { fused, unfused, cpu } = await runEverywhere(build, specs, values);
    const toleranceOf = (name: string) => ({ absolute: rounding[name].error, relative: 2 ** -24 });
    expectClose('random graphs gpu fused', fused, cpu, toleranceOf);
    expectClose('random graphs gpu unfused', unfused, cpu, toleranceOf);
  },
);

test('no plan overwrites values that are still read, with and without fusion', async () => {
  for (let seed = 0; seed < GRAPHS; seed++) {
    for (const fuse of [true, false]) {
      const plan = await planOf((inputs) => randomGraph(seed, 4, inputs, 12), randomGraphSpecs(4), { fuse });
      expect(memoryProblems(plan), `graph ${seed}`).toEqual([]);
    }
  }
});
