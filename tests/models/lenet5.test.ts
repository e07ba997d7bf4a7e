// LeNet-5: every map, the loss and every gradient against PyTorch, GPU against CPU; the shipped weights.

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
 * Tolerances for maps (values up to 1) and gradients (mostly below 0.1), about three times the worst error on any adapter.
 * PyTorch computed in float64. The CPU sums in float64 and rounds about twenty intermediate results to f32. A GPU also sums up
 * to 400 products in f32, and WGSL allows tanh an error of several roundings.
 */
const tolerances = {
  cpu: { maps: { absolute: 1.5e-7, relative: 1.5e-7 }, gradients: { absolute: 6e-8, relative: 6e-8 } },
  gpu: { maps: { absolute: 5e-7, relative: 5e-7 }, gradients: { absolute: 1.5e-7, relative: 1.5e-7 } },
} as const satisfies Record<'cpu' | 'gpu', Record<'maps' | 'gradients', Tolerance>>;

/** Every map, the loss and every gradient of a config with the stored parameters, with the fixture's names. */
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

/** Differences on a device, one line per tensor, in the model's order. */
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

  test('matches PyTorch on the CPU', () => {
    expect(problems('cpu', cpu, pyTorch)).toEqual([]);
  });

  test('matches PyTorch on the GPU', () => {
    expect(problems('gpu', gpu, pyTorch)).toEqual([]);
  });

  test('matches the CPU on the GPU, layer by layer', () => {
    expect(problems('gpu', gpu, cpu)).toEqual([]);
  });
});

test.each([
  ['too few pixels', [2, 1, 28, 28], /conv2d.*\[2, 16, 4, 4\].*\[120, 16, 5, 5\]/],
  ['too many pixels', [2, 1, 40, 40], /linear.*\[2, 1080\].*\[84, 120\]/],
  ['colours', [2, 3, 32, 32], /conv2d.*\[2, 3, 32, 32\].*\[6, 1, 5, 5\]/],
  ['no batch', [1, 32, 32], /conv2d.*\[1, 32, 32\].*\[6, 1, 5, 5\]/],
])('the error for an input with %s has the op and both shapes', (_, shape, message) => {
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

  test('load into their config, and are small', async () => {
    const { model, weights, metadata } = await load();
    expect(metadata).toEqual({ model: 'lenet5', config: lenet5Entry.config });
    for (const [name, { data }] of await model.stateDict()) expect(data).toEqual(weights.get(name)!.data);
    expect(statSync(path).size).toBeLessThan(300_000);
  });

  const mnist = realData('mnist');
  test.skipIf(!mnist)('have the accuracy stated in the registry, on the 10,000 MNIST test images', async () => {
    const { model } = await load();
    const { count, measure } = await lenet5Entry.evaluate!.open(model, await openDataFiles([mnist!]));
    expect(count).toBe(10_000);
    const { accuracy } = await measure({ device: await testGpu(), loadWeights });
    // Rounding on another adapter may change a few close calls.
    expect(Math.abs(accuracy - lenet5Entry.metrics.accuracy)).toBeLessThanOrEqual(3e-4);
  });
});
