// Evaluation during a run: best weights in checkpoints and after failures, and early stopping.

import { describe, expect, test } from 'vitest';
import {
  decodeCheckpoint, type Device, DivergedError, type EvaluateOptions, type Metrics, openDevice, type TrainerOptions, type WebGpuDevice,
} from '../../src/node.ts'; // prettier-ignore
import { losses, tinyModel, tinyRun } from './tiny.ts';

/** Evaluations that return these values in order, whatever the run does. */
function scripted(values: readonly number[], options: Partial<EvaluateOptions> = {}): EvaluateOptions {
  let next = 0;
  return {
    every: 2,
    measure: async (): Promise<Metrics> => ({ error: values[next++], other: 1 }),
    best: { metric: 'error', better: 'lower' },
    ...options,
  };
}

const run = (evaluate: EvaluateOptions, options: Partial<TrainerOptions> = {}) =>
  tinyRun('cpu', { evaluate, ...options });

test('runs every n steps and keeps the weights with the lowest metric', async () => {
  const { trainer, model } = await run(scripted([3, 1, 2]));
  const found = [];
  const weights = [];
  for (let step = 0; step < 7; step++) {
    found.push((await trainer.step()).evaluation);
    weights.push(await model.stateDict());
  }
  const metrics = (error: number) => ({ error, other: 1 });
  expect(found.map((one) => one ?? null)).toEqual([
    null,
    { step: 2, metrics: metrics(3), isBest: true },
    null,
    { step: 4, metrics: metrics(1), isBest: true },
    null,
    { step: 6, metrics: metrics(2), isBest: false },
    null,
  ]);
  expect(trainer.best).toMatchObject({ step: 4, metrics: metrics(1) });
  trainer.useBest();
  expect(await model.stateDict()).toEqual(weights[3]);
  expect(weights[3]).not.toEqual(weights[6]);
});

test('measures the current state on the run’s device, also when called directly', async () => {
  const model = tinyModel();
  const measure = async (device: Device) => ({
    bias: (await model.output.bias!.read()).data[0],
    cpu: Number(device.info.kind === 'cpu'),
  });
  const { trainer } = await tinyRun('cpu', { evaluate: { every: 100, measure } }, model);
  await trainer.step();
  const { metrics, step, isBest } = await trainer.evaluate();
  expect([step, metrics]).toEqual([1, { bias: (await model.output.bias!.read()).data[0], cpu: 1 }]);
  // Without `best` no weights are kept.
  expect([isBest, trainer.best]).toEqual([false, null]);
  expect(() => trainer.useBest()).toThrow('no best weights yet');
});

test('can keep the highest metric; NaN is never best', async () => {
  const best = { metric: 'error', better: 'higher' } as const;
  const { trainer } = await run(scripted([NaN, 1, Infinity, 2, NaN], { every: 1, best }));
  await losses(trainer, 5);
  expect(trainer.best).toMatchObject({ step: 4, metrics: { error: 2 } });
});

test('checkpoints have the best weights, and a resumed run compares with them', async () => {
  const first = await run(scripted([3, 1]));
  await losses(first.trainer, 5);
  const bytes = await first.trainer.checkpoint();
  const { best, sinceBest, state } = decodeCheckpoint(bytes);
  expect([best!.step, best!.metrics, sinceBest]).toEqual([4, { error: 1, other: 1 }, 0]);
  expect(best!.state.model).toEqual(first.trainer.best!.state.model);
  expect(best!.state.model).not.toEqual(state.model);

  const second = await run(scripted([2, 0]));
  second.trainer.restore(bytes);
  expect(second.trainer.best).toEqual(first.trainer.best);
  await losses(second.trainer, 2);
  expect(second.trainer.best!.step).toBe(4);
  await losses(second.trainer, 1);
  expect(second.trainer.best).toMatchObject({ step: 8, metrics: { error: 0 } });
});

test('early stopping counts evaluations without a new best, also in a resumed run', async () => {
  const { trainer } = await run(scripted([5, 6, 4, 4, 7, 9], { every: 1, patience: 3 }));
  const stops: boolean[] = [];
  let bytes: Uint8Array = new Uint8Array();
  for (let step = 1; step <= 6; step++) {
    await trainer.step();
    stops.push(trainer.stopped);
    if (step === 5) bytes = await trainer.checkpoint();
  }
  expect(stops).toEqual([false, false, false, false, false, true]);
  const { trainer: resumed } = await run(scripted([8], { every: 1, patience: 3 }));
  resumed.restore(bytes);
  expect(resumed.stopped).toBe(false);
  await resumed.step();
  expect(resumed.stopped).toBe(true);
});

test('the best weights survive divergence, and the error names their step', async () => {
  const { trainer, model } = await run(scripted([1, 2, 3]), { snapshotEvery: 100 });
  await losses(trainer, 2);
  const weights = await model.stateDict();
  await losses(trainer, 2);
  trainer.optimizer.learningRate.value = 1e38;
  await trainer.step();
  const error = await trainer.step().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DivergedError);
  expect((error as Error).message).toContain('The weights of step 0 were restored');
  expect((error as Error).message).toContain('The best weights (step 2) are kept.');
  trainer.useBest();
  expect(await model.stateDict()).toEqual(weights);
});

test('after a device loss during evaluation, the step is measured on the next device', async () => {
  let devices = 0;
  /** The losses and metrics of a run, optionally with a device loss in its second evaluation. */
  async function measuredRun(isLost: boolean) {
    const model = tinyModel();
    const measured: number[] = [];
    devices = 0;
    const { trainer } = await tinyRun(
      'webgpu',
      {
        snapshotEvery: 3,
        openDevice: () => {
          devices++;
          return openDevice('webgpu');
        },
        evaluate: {
          every: 2,
          best: { metric: 'count', better: 'higher' },
          async measure(device) {
            if (isLost && devices === 1 && measured.length === 1) {
              (device as WebGpuDevice).gpu.destroy();
              await device.lost;
            }
            measured.push((await model.output.weight.read()).data[0]);
            return { count: measured.length };
          },
        },
      },
      model,
    );
    return { found: await losses(trainer, 7), measured, best: trainer.best };
  }
  const expected = await measuredRun(false);
  expect(await measuredRun(true)).toEqual(expected);
  expect(devices).toBe(2);
  expect(expected.best!.step).toBe(6);
});

describe('rejects', () => {
  test.each([
    [{ every: 0 }, 'evaluate.every must be an integer of at least 1, but is 0'],
    [{ patience: 1.5 }, 'evaluate.patience must be an integer of at least 1, but is 1.5'],
    [{ patience: 2, best: undefined }, 'evaluate.patience needs evaluate.best'],
  ])('%j', async (options, message) => {
    await expect(run(scripted([1], options))).rejects.toThrow(message);
  });

  test('a metric that measure() does not return, and evaluate() without the option', async () => {
    const { trainer } = await run(scripted([1], { best: { metric: 'accuracy', better: 'higher' } }));
    await expect(trainer.evaluate()).rejects.toThrow('needs the metric accuracy, but measure() returned error, other');
    const { trainer: plain } = await tinyRun('cpu');
    await expect(plain.evaluate()).rejects.toThrow('evaluate() needs the option `evaluate`');
  });
});
