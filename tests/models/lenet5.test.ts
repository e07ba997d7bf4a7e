// LeNet-5 as a whole: every map, the loss and every gradient against PyTorch and CPU against GPU; the shipped weights.

import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { lenet5Entry } from '../../models/cnn/lenet5/entry.ts';
import { LeNet5, lenet5Configs } from '../../models/cnn/lenet5/model.ts';
import {
  compile, CpuDevice, crossEntropy, grad, Input, loadWeights, openDataFiles, openWeights, readTensors, spec, type Device, type TensorData,
} from '../../src/node.ts'; // prettier-ignore
import type { Tolerance } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { readFixture } from '../harness/fixtures.ts';
import { realData } from '../harness/real-data.ts';

const { tensors, cases } = readFixture('lenet5');
const stored = (name: string): TensorData => tensors.get(name)!;

/**
 * How far maps (values up to 1) and gradients (mostly below 0.1) may be off, about three times the worst seen on any
 * adapter. PyTorch computed in float64. The CPU sums in float64 and rounds each of some twenty results to f32. A GPU
 * also sums up to 400 products in f32, and WGSL allows its tanh an error of several roundings.
 */
const tolerances = {
  cpu: { maps: { absolute: 1.5e-7, relative: 1.5e-7 }, gradients: { absolute: 6e-8, relative: 6e-8 } },
  gpu: { maps: { absolute: 5e-7, relative: 5e-7 }, gradients: { absolute: 1.5e-7, relative: 1.5e-7 } },
} as const satisfies Record<'cpu' | 'gpu', Record<'maps' | 'gradients', Tolerance>>;

/** Every map, the loss and every gradient of a config with the stored parameters, by the names of the fixture. */
async function compute(device: Device, config: keyof typeof lenet5Configs): Promise<Record<string, TensorData>> {
  const model = new LeNet5(lenet5Configs[config]);
  const names = [...model.namedParameters().keys()];
  model.loadStateDict(new Map(names.map((name) => [name, stored(`params/${name}`)])));
  const program = await compile(
    device,
    ({ image, label }) => {
      const maps = model.maps(image);
      const loss = crossEntropy(maps.logits, label);
      const gradients = grad(loss, model.parameters());
      return { ...maps, loss, ...Object.fromEntries(names.map((name, i) => [`grad/${name}`, gradients[i]])) };
    },
    { image: stored('input'), label: stored('label') },
  );
  const results = await program.run({ image: stored('input').data, label: stored('label').data });
  program.dispose();
  return results;
}

/** What differs on a kind of device, one line a tensor, in the order in which the model computes them. */
function problems(
  kind: keyof typeof tolerances,
  actual: Readonly<Record<string, TensorData>>,
  expected: Readonly<Record<string, TensorData>>,
): string[] {
  expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
  return Object.entries(expected).flatMap(([name, value]) => {
    const part = name.startsWith('grad/') ? 'gradients' : 'maps';
    const found = difference(`lenet5 ${kind} ${part}`, actual[name], value, tolerances[kind][part]);
    return found ? [`${name}: ${found}`] : [];
  });
}

test('the fixture has every config', () => {
  expect(cases.map(({ name }) => name)).toEqual(Object.keys(lenet5Configs));
});

describe.each(['classic', 'modern'] as const)('%s', (config) => {
  const prefix = `${config}/`;
  const pyTorch = Object.fromEntries(
    [...tensors].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  );
  let [cpu, gpu]: Record<string, TensorData>[] = [];
  beforeAll(async () => {
    cpu = await compute(new CpuDevice(), config);
    gpu = await compute(await testGpu(), config);
  });

  test('computes on the CPU what PyTorch computes', () => {
    expect(problems('cpu', cpu, pyTorch)).toEqual([]);
  });

  test('computes on the GPU what PyTorch computes', () => {
    expect(problems('gpu', gpu, pyTorch)).toEqual([]);
  });

  test('computes on the GPU what the CPU computes, layer by layer', () => {
    expect(problems('gpu', gpu, cpu)).toEqual([]);
  });
});

test.each([
  ['too few pixels', [2, 1, 28, 28], /conv2d.*\[2, 16, 4, 4\].*\[120, 16, 5, 5\]/],
  ['too many pixels', [2, 1, 40, 40], /linear.*\[2, 1080\].*\[84, 120\]/],
  ['colours', [2, 3, 32, 32], /conv2d.*\[2, 3, 32, 32\].*\[6, 1, 5, 5\]/],
  ['no batch', [1, 32, 32], /conv2d.*\[1, 32, 32\].*\[6, 1, 5, 5\]/],
])('an input with %s is refused with the op and both shapes', (_, shape, message) => {
  expect(() => new LeNet5().forward(new Input('image', spec(shape)))).toThrow(message);
});

describe('the shipped weights', () => {
  const path = fileURLToPath(lenet5Entry.weights.modern);
  const load = async () => {
    const source = await openWeights(path);
    const { metadata } = source;
    const model = lenet5Entry.build(metadata.config);
    await loadWeights(model, source);
    return { model, weights: await readTensors(source), metadata };
  };

  test('load into the config that they name, and are small', async () => {
    const { model, weights, metadata } = await load();
    expect(metadata).toEqual({ model: 'lenet5', config: lenet5Entry.config });
    for (const [name, { data }] of await model.stateDict()) expect(data).toEqual(weights.get(name)!.data);
    expect(statSync(path).size).toBeLessThan(300_000);
  });

  const mnist = realData('mnist');
  test.skipIf(!mnist)('have the accuracy that the registry states, on 10,000 real test images', async () => {
    const { model } = await load();
    const { count, measure } = await lenet5Entry.evaluate!.open(model, await openDataFiles([mnist!]));
    expect(count).toBe(10_000);
    const { accuracy } = await measure({ device: await testGpu(), loadWeights });
    // Another adapter's rounding may turn a few close calls.
    expect(Math.abs(accuracy - lenet5Entry.metrics.accuracy)).toBeLessThanOrEqual(3e-4);
  });
});
