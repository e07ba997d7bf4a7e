// Token sampling: the distributions under each setting, by many draws on both devices.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { fromFloat16, toFloat16 } from '../../src/core/float16.ts';
import { Scalar, spec, type Tensor } from '../../src/core/tensor.ts';
import { categorical, multinomial } from '../../src/ops/random/random.ts';
import { keepTopK, sampleLogits, type SamplingOptions } from '../../src/ops/random/sampling.ts';
import { exp } from '../../src/ops/elementwise/unary.ts';
import { compile } from '../../src/runtime/compile.ts';
import { testGpu } from '../harness/devices.ts';
import { expectShares, shareOf } from '../harness/shares.ts';
import { testOps } from '../harness/test-op.ts';
import { random } from './specs/random.ts';

testOps(random);

const PROBABILITIES = [0.06, 0.4, 0.1, 0.24, 0.2];
const ROWS = 4000;

const logits = Float32Array.from({ length: ROWS * 5 }, (_, i) => Math.log(PROBABILITIES[i % 5]) + 3);

/** Tokens drawn from the probabilities, one per row. */
async function draw(device: Device, options: SamplingOptions): Promise<ArrayLike<number>> {
  const program = await compile(device, ({ x }) => sampleLogits(x, options), { x: spec([ROWS, 5]) });
  const { data } = await program.run({ x: logits });
  program.dispose();
  return data;
}

/** The kept probabilities to the power of 1 / temperature, normalized. */
function left(kept: readonly number[], temperature = 1): number[] {
  const powers = PROBABILITIES.map((p, i) => (kept.includes(i) ? p ** (1 / temperature) : 0));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((p) => p / total);
}

const everything = [0, 1, 2, 3, 4];
const cases: Record<string, [SamplingOptions, number[]]> = {
  'without settings': [{}, left(everything)],
  'at a low temperature': [{ temperature: 0.5 }, left(everything, 0.5)],
  'at a high temperature': [{ temperature: 3 }, left(everything, 3)],
  'at temperature 0': [{ temperature: 0 }, left([1])],
  'topK 2': [{ topK: 2 }, left([1, 3])],
  'topK above the vocabulary size': [{ topK: 50 }, left(everything)],
  'topP 0.5': [{ topP: 0.5 }, left([1, 3])],
  'topP 0.3': [{ topP: 0.3 }, left([1])],
  'topP 0.93': [{ topP: 0.93 }, left([1, 2, 3, 4])],
  'minP 0.49': [{ minP: 0.49 }, left([1, 3, 4])],
  // Of the remaining three, the first two have 0.64 / 0.84 = 0.76.
  'topK 3, then topP 0.7': [{ topK: 3, topP: 0.7 }, left([1, 3])],
  // The squares are 0.16, 0.0576 and 0.04 of 0.2712.
  'temperature, then topP 0.7': [{ temperature: 0.5, topP: 0.7 }, left([1, 3], 0.5)],
};

test.for(Object.entries(cases))('%s', async ([, [options, shares]]) => {
  const cpu = await draw(new CpuDevice(), options);
  const gpu = await draw(await testGpu(), options);
  expectShares(cpu, shares);
  expectShares(gpu, shares);
  expect(shareOf(gpu, (token, row) => token !== cpu[row])).toBeLessThan(0.001);
});

test('Scalar settings can change between runs of one program', async () => {
  const [temperature, topK, topP] = [new Scalar('temperature', 1), new Scalar('topK', 5), new Scalar('topP', 1)];
  for (const device of [new CpuDevice(), await testGpu()]) {
    [temperature.value, topK.value, topP.value] = [1, 5, 1];
    const program = await compile(device, ({ x }) => sampleLogits(x, { temperature, topK, topP }), {
      x: spec([ROWS, 5]),
    });
    const run = async () => (await program.run({ x: logits })).data;
    const again = await run();
    expectShares(again, left(everything));
    expect(await run()).not.toEqual(again);
    topK.value = 2;
    expectShares(await run(), left([1, 3]));
    [topK.value, topP.value] = [5, 0.3];
    expectShares(await run(), left([1]));
    [temperature.value, topP.value] = [3, 1];
    expectShares(await run(), left(everything, 3));
    program.dispose();
  }
});

test('f16 logits give the same draws as equal f32 logits', async () => {
  const settings = { temperature: 0.7, topK: 20, topP: 0.9, minP: 0.05 };
  const half = Uint16Array.from({ length: 7 * 65 }, (_, i) => toFloat16(4 * Math.sin(i * i)));
  const full = Float32Array.from(half, fromFloat16);
  const devices = [new CpuDevice(), await testGpu()].filter(({ capabilities }) => capabilities?.f16 ?? true);
  for (const device of devices) {
    const run = async (dtype: 'f16' | 'f32', x: typeof half | typeof full) => {
      const build = (inputs: { x: Tensor }) => ({
        sampled: sampleLogits(inputs.x, settings),
        likeliest: sampleLogits(inputs.x, { temperature: 0 }),
        kept: keepTopK(inputs.x, 3),
        drawn: categorical(inputs.x, { samples: 4 }),
        chosen: multinomial(exp(inputs.x), 5),
      });
      using program = await compile(device, build, { x: spec([7, 65], dtype) });
      return program.run({ x });
    };
    const [ofHalf, ofFull] = [await run('f16', half), await run('f32', full)];
    for (const name of ['sampled', 'likeliest', 'kept', 'drawn'] as const) expect(ofHalf[name]).toEqual(ofFull[name]);
    expect(ofHalf.chosen.shape).toEqual([7, 5]);
  }
});

test('invalid settings are errors', () => {
  const x = new Scalar('x', 0);
  expect(() => sampleLogits(x)).toThrow('logits must be […, V]');
});
