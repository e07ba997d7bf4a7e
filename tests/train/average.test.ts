// Weight averages during training: values, checkpoints, and swapping with the model's weights for evaluation.

import { describe, expect, test } from 'vitest';
import {
  AdamW, add, assign, BatchNorm1d, compile, CpuDevice, Parameter, spec, WeightAverage, type Tensor, type TensorData,
} from '../../src/node.ts'; // prettier-ignore
import { testGpu } from '../harness/devices.ts';
import { losses, tinyModel, tinyRun } from './tiny.ts';

const values = (state: ReadonlyMap<string, TensorData>) =>
  Object.fromEntries([...state].map(([name, { data }]) => [name, [...data]]));

describe.each(['cpu', 'gpu'] as const)('on the %s', (kind) => {
  test('averages trained values after each step, and copies the others', async () => {
    const p = new Parameter({ shape: [2], dtype: 'f32', data: Float32Array.of(0, 8) }, { name: 'p' });
    const layer = new BatchNorm1d(1, { momentum: 1, affine: false });
    const average = new WeightAverage(new Map([['p', p], ...layer.state()]), { decay: 0.5 });
    const build = ({ x }: { x: Tensor }) => {
      const y = layer.forward(x);
      assign(p, add(p, 4));
      average.update();
      return y;
    };
    const device = kind === 'cpu' ? new CpuDevice() : await testGpu();
    using program = await compile(device, build, { x: spec([2, 1]) }, { training: true });
    for (let i = 0; i < 2; i++) await program.run({ x: Float32Array.of(1, 3) });
    // 0 → 4 → 8 and 8 → 12 → 16 averaged with decay 0.5; statistics are copied.
    const others = { running_mean: [2], running_var: [2], num_batches_tracked: [2] };
    expect(values(await average.stateDict())).toEqual({ p: [5, 13], ...others });
    average.decay.value = 1;
    await program.run({ x: Float32Array.of(1, 3) });
    expect((await average.stateDict()).get('p')!.data).toEqual(Float32Array.of(5, 13));
    await average.swap();
    expect([[...(await p.read()).data], values(await average.stateDict()).p]).toEqual([[5, 13], [12, 20]]); // prettier-ignore
    await average.swap();
    expect(await average.whileSwapped(async () => [...(await p.read()).data])).toEqual([5, 13]);
    const failing = async () => Promise.reject(new Error('no data'));
    await expect(average.whileSwapped(failing)).rejects.toThrow('no data');
    expect([...(await p.read()).data]).toEqual([12, 20]);
    await program.run({ x: Float32Array.of(1, 3) });
    expect([...(await p.read()).data]).toEqual([16, 24]);
  });
});

test('starts from the current weights after a device has changed them', async () => {
  const p = new Parameter({ shape: [1], dtype: 'f32', data: Float32Array.of(1) }, { name: 'p' });
  const device = new CpuDevice();
  using before = await compile(device, () => (assign(p, add(p, 1)), {}), {});
  await before.enqueue({});
  const average = new WeightAverage(new Map([['p', p]]), { decay: 0.5 });
  using program = await compile(device, () => (assign(p, add(p, 8)), average.update(), {}), {});
  await program.enqueue({});
  expect(values(await average.stateDict())).toEqual({ p: [(2 + 10) / 2] });
});

describe('a trainer', () => {
  /** A run with a weight average, clipped gradients, and no weight decay of biases. */
  async function averagedRun() {
    const model = tinyModel();
    const average = new WeightAverage(model.state(), { decay: 0.75 });
    const groups = [
      { parameters: [model.hidden.weight, model.output.weight] },
      { parameters: [model.hidden.bias!, model.output.bias!], weightDecay: 0 },
    ];
    return {
      ...(await tinyRun('cpu', { state: { model, average }, maxGradNorm: 0.5 }, model, new AdamW(groups))),
      average,
    };
  }

  test('saves it in checkpoints, from which a run resumes bit by bit', async () => {
    const [whole, first, second] = [await averagedRun(), await averagedRun(), await averagedRun()];
    const expected = await losses(whole.trainer, 6);
    const found = await losses(first.trainer, 3);
    second.trainer.restore(await first.trainer.checkpoint());
    found.push(...(await losses(second.trainer, 3)));
    expect(found).toEqual(expected);
    expect(values(await second.average.stateDict())).toEqual(values(await whole.average.stateDict()));
    expect(values(await whole.average.stateDict())).not.toEqual(values(await whole.model.stateDict()));
  });

  test('rejects a checkpoint without an average if it has one, and the reverse', async () => {
    const [averaged, plain] = [await averagedRun(), await tinyRun('cpu')];
    const [a, b] = [await averaged.trainer.checkpoint(), await plain.trainer.checkpoint()];
    expect(() => averaged.trainer.restore(b)).toThrow('has the state model, but this run has model, average');
    expect(() => plain.trainer.restore(a)).toThrow('has the state model, average, but this run has model');
  });

  test('clips gradients', async () => {
    const trainers = [await tinyRun('cpu'), await tinyRun('cpu', { maxGradNorm: 1e-3 })];
    const [free, held] = await Promise.all(trainers.map(({ trainer }) => losses(trainer, 4)));
    expect(held[0]).toBe(free[0]);
    expect(held.slice(1)).not.toEqual(free.slice(1));
  });
});
