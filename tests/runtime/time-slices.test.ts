// Runs in time slices: cut by what was measured, the same results as in one piece, and nothing else runs in between.

import { expect, test, vi } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { TimeSlices } from '../../src/backends/webgpu/time-slices.ts';
import type { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import { Parameter } from '../../src/core/parameter.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { matmul, mean, square, sub, tanh } from '../../src/ops/index.ts';
import { Adam } from '../../src/optim/adam.ts';
import { clipGradNorm } from '../../src/optim/clip.ts';
import { openDevice } from '../../src/node.ts';
import { compile } from '../../src/runtime/compile.ts';

/** The slices after `rounds` runs in which dispatches take `costs`. */
function settled(costs: readonly number[], milliseconds: number, rounds = 10): number[][] {
  const slices = new TimeSlices(costs.length, milliseconds);
  const cut = () => {
    let start = 0;
    return slices.sizes.map((size) => costs.slice(start, (start += size)));
  };
  for (let i = 0; i < rounds; i++) slices.adapt(cut().map((slice) => slice.reduce((sum, cost) => sum + cost, 0)));
  return cut();
}

test('time slices come to take about as long as they may, and hold every dispatch once, in order', () => {
  const costs = [...Array<number>(100).fill(0.1), 30, ...Array<number>(20).fill(3), ...Array<number>(50).fill(0.01)];
  const slices = settled(costs, 8);
  expect(slices.flat()).toEqual(costs);
  for (const slice of slices) {
    const time = slice.reduce((sum, cost) => sum + cost, 0);
    // A long dispatch cannot be split, so it must be alone.
    expect(slice.length === 1 || time <= 8).toBe(true);
  }
  expect(slices.length).toBeLessThan(20);
});

test('what is short is one time slice, and nothing is none', () => {
  expect(settled(Array<number>(200).fill(0.01), 8)).toHaveLength(1);
  expect(settled([], 8)).toEqual([]);
});

/** Distinct values. */
const waves = (count: number, from: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * i + from) / 3);

/** A small network with a training step and a prediction. */
async function training(device: WebGpuDevice, timeSliceMilliseconds?: number) {
  const layers = [0, 1, 2].map(
    (i) => new Parameter({ dtype: 'f32', shape: [24, 24], data: waves(576, i) }, { name: `w${i}` }),
  );
  const optimizer = new Adam(layers, { learningRate: 0.01 });
  const forward = (x: Tensor) => layers.reduce((y: Tensor, w) => tanh(matmul(y, w)), x);
  const specs = { x: spec([8, 24]) };
  const step = await compile(
    device,
    ({ x }) => {
      const loss = mean(square(sub(forward(x), x)));
      optimizer.step(clipGradNorm(grad(loss, layers), 0.1).gradients);
      return loss;
    },
    specs,
    { timeSliceMilliseconds },
  );
  const predict = await compile(device, ({ x }) => forward(x), specs);
  return { step, predict, layers, x: waves(192, 7) };
}

test('a run in time slices gives the same to the bit, and nothing sees it half done', async () => {
  const device = (await openDevice('webgpu')) as WebGpuDevice;
  const submit = vi.spyOn(device.gpu.queue, 'submit');
  const [whole, sliced] = [await training(device), await training(device, 1e-6)];
  const outcomes: unknown[] = [];
  for (const { step, predict, layers, x } of [whole, sliced]) {
    const found: unknown[] = [];
    for (let i = 0; i < 3; i++) found.push(await step.run({ x }));
    // Submitted together, in order: each must see all earlier runs and no later ones.
    const results = [step.run({ x }), predict.run({ x }), step.enqueue({ x }), layers[1].read(), step.run({ x })];
    found.push(...(await Promise.all(results)));
    await step.finished();
    outcomes.push(found);
  }
  expect(outcomes[1]).toEqual(outcomes[0]);
  submit.mockClear();
  await whole.step.run({ x: whole.x });
  expect(submit).toHaveBeenCalledTimes(1);
  submit.mockClear();
  await sliced.step.run({ x: sliced.x });
  expect(submit.mock.calls.length).toBeGreaterThan(5);
  device.destroy();
});
