// The trainer: exact resuming on each device, divergence, and errors for mismatched checkpoints.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AdamW,
  crossEntropy,
  decodeCheckpoint,
  DivergedError,
  Linear,
  Module,
  openDevice,
  SGD,
  WeightsError,
  type Device,
  type Tensor,
  type TrainerOptions,
  writeSafetensors,
} from '../../src/node.ts';
import { losses, tinyBatches, tinyRun, rateOf, Tiny } from './tiny.ts';

describe.each(['cpu', 'webgpu'] as const)('on %s', (kind) => {
  // One device for all runs, so that pipelines are compiled once.
  let device: Device;
  beforeAll(async () => void (device = await openDevice(kind)));
  afterAll(() => device.destroy());
  const run = (options: Partial<TrainerOptions> = {}) => tinyRun(kind, { openDevice: async () => device, ...options });

  test('the loss falls, and the same seed gives the same losses', async () => {
    const first = await losses((await run()).trainer, 60);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value) / values.length;
    expect(mean(first.slice(-10))).toBeLessThan(0.7 * mean(first.slice(0, 10)));
    expect(await losses((await run()).trainer, 60)).toEqual(first);
    expect(await losses((await run({ seed: 6 })).trainer, 60)).not.toEqual(first);
  });

  test('a run resumed from a checkpoint has the losses of an uninterrupted one', async () => {
    const whole = await losses((await run()).trainer, 12);
    const { trainer } = await run();
    expect(await losses(trainer, 7)).toEqual(whole.slice(0, 7));
    const bytes = await trainer.checkpoint();
    // A different run's weights, optimizer and random state, which must all be replaced.
    const { trainer: other } = await run({ seed: 99 });
    await losses(other, 3);
    other.restore(bytes);
    expect(other.stepsDone).toBe(7);
    expect(other.optimizer.learningRate.value).toBe(rateOf(6));
    expect(await losses(other, 5)).toEqual(whole.slice(7));
    expect(await losses(trainer, 5)).toEqual(whole.slice(7));
  });

  test('a NaN loss stops the run with the last good weights, even if a snapshot was due', async () => {
    const { trainer: good, model: goodModel } = await run({ snapshotEvery: 4 });
    await losses(good, 4);
    const weights = await goodModel.stateDict();

    const { trainer, model } = await run({ snapshotEvery: 4 });
    await losses(trainer, 7);
    trainer.optimizer.learningRate.value = 1e38;
    // This step's loss still comes from good weights, but it leaves bad ones, and a snapshot is due.
    await trainer.step();
    const error = await trainer.step().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DivergedError);
    expect(error).toMatchObject({ step: 9, restoredStep: 4 });
    expect((error as Error).message).toMatch(/loss of step 9 is (NaN|-?Infinity).*weights of step 4 were restored/);
    expect(trainer.stepsDone).toBe(4);
    expect(await model.stateDict()).toEqual(weights);
    expect(await losses(trainer, 3)).toEqual(await losses(good, 3));
  });

  test('a profile does not affect the run', async () => {
    const whole = await losses((await run({ snapshotEvery: 4 })).trainer, 12);
    const { trainer } = await run({ snapshotEvery: 4 });
    const before = await losses(trainer, 6);
    const { rows, milliseconds } = await trainer.profile({ runs: 2 });
    expect(milliseconds).toBeGreaterThan(0);
    expect(rows.length).toBeGreaterThan(5);
    expect(trainer.stepsDone).toBe(6);
    expect([...before, ...(await losses(trainer, 6))]).toEqual(whole);
  });

  test('optimizer and batches can be replaced during a run', async () => {
    const { trainer, model } = await run();
    await losses(trainer, 5);
    const before = await model.stateDict();
    await trainer.setOptimizer(new SGD(model.parameters(), { momentum: 0.9 }));
    await trainer.setData(tinyBatches(10));
    expect(trainer.stepsDone).toBe(5);
    expect(await model.stateDict()).toEqual(before);
    await losses(trainer, 1);
    expect(await model.stateDict()).not.toEqual(before);
    expect(decodeCheckpoint(await trainer.checkpoint())).toMatchObject({
      step: 6,
      optimizers: { step: { kind: 'SGD' } },
    });
  });
});

test('a checkpoint keeps the settings of the run', async () => {
  const settings = { model: 'tiny', epochs: 3, augment: { shift: 2 }, resumed: false };
  const { trainer } = await tinyRun('cpu', { settings });
  expect(decodeCheckpoint(await trainer.checkpoint()).settings).toEqual(settings);
});

test('the error for a checkpoint with another optimizer names it; the run is unaffected', async () => {
  const { model, trainer } = await tinyRun('cpu');
  const bytes = await trainer.checkpoint();
  await trainer.setOptimizer(new SGD(model.parameters()));
  expect(() => trainer.restore(bytes)).toThrow('made with the optimizer AdamW; resume it with AdamW, not SGD');
  expect((await trainer.step()).step).toBe(1);
});

test('the error for a checkpoint of another model lists every mismatch; nothing is changed', async () => {
  class Other extends Module {
    readonly hidden = new Linear(8, 12);
    readonly extra = new Linear(12, 4);
    forward(x: Tensor): Tensor {
      return this.extra.forward(this.hidden.forward(x));
    }
  }
  const other = new Other();
  const { trainer: source } = await tinyRun('cpu', {
    state: { model: other },
    optimizer: new AdamW(other.parameters()),
    task: ({ x, label }) => ({ loss: crossEntropy(other.forward(x), label) }),
  });
  const bytes = await source.checkpoint();
  const { trainer, model } = await tinyRun('cpu');
  const before = await model.stateDict();
  let error: unknown;
  try {
    trainer.restore(bytes);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(WeightsError);
  expect(error).toMatchObject({
    missing: ['output.weight', 'output.bias'],
    unexpected: expect.arrayContaining(['extra.weight', 'extra.bias']),
    shapes: ['hidden.weight', 'hidden.bias'],
    message: expect.stringContaining('nothing was changed:\n  missing (2): output.weight, output.bias'),
  });
  expect(await model.stateDict()).toEqual(before);
});

test('the error for plain weights says that they are not a checkpoint', async () => {
  const { trainer } = await tinyRun('cpu');
  const bytes = writeSafetensors(await new Tiny().stateDict());
  expect(() => trainer.restore(bytes)).toThrow('not a training checkpoint');
});
