// Runs a function on the GPU with and without fusion and on the CPU, and compares the results.

import { expect } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { TensorData, TypedArray } from '../../src/core/dtype.ts';
import { RandomSource } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import type { Tensor, TensorSpec } from '../../src/core/tensor.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Tolerance } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';

type Build = (inputs: Record<string, Tensor>) => Record<string, Tensor>;
type Specs = Readonly<Record<string, TensorSpec>>;
export type Values = Readonly<Record<string, TypedArray>>;
export type Results = Readonly<Record<string, TensorData>>;

/** Random values for f32 inputs, away from 0 and between -2 and 2. */
export function randomValues(specs: Specs, seed = 1): Record<string, TypedArray> {
  const random = new RandomSource(seed);
  const value = () => (random.uniform() < 0.5 ? -1 : 1) * random.uniform(0.25, 2);
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape }]) => [name, Float32Array.from({ length: sizeOf(shape) }, value)]),
  );
}

/** Results of the GPU with and without fusion, and of the CPU. */
export async function runEverywhere(build: Build, specs: Specs, values: Values) {
  const gpu = await testGpu();
  const runOn = async (device: typeof gpu, fuse: boolean): Promise<Results> => {
    using program = await compile(device, build, specs, { fuse });
    return (await program.run(values)) as Results;
  };
  return { fused: await runOn(gpu, true), unfused: await runOn(gpu, false), cpu: await runOn(new CpuDevice(), true) };
}

/** Expects results to be equal within `toleranceOf` each output. */
export function expectClose(
  kind: string,
  actual: Results,
  expected: Results,
  toleranceOf: (name: string) => Tolerance,
) {
  const problems = Object.entries(expected).flatMap(([name, value]) => {
    const found = difference(kind, actual[name], value, toleranceOf(name));
    return found ? [`${name} ${found}`] : [];
  });
  expect(problems).toEqual([]);
}
