// Device loss during training: the trainer opens a new device, and the run is unaffected.

import { beforeAll, expect, test } from 'vitest';
import {
  add,
  assign,
  compile,
  Buffer,
  crossEntropy,
  DeviceLostError,
  Linear,
  manualSeed,
  mseLoss,
  openDevice,
  spec,
  type Device,
  type WebGpuDevice,
  type Trainer,
  type TrainerOptions,
} from '../../src/node.ts';
import { losses, rateOf, tinyBatches, tinyModel, tinyRun } from './tiny.ts';

const STEPS = 14;
let undisturbed: number[];
let finalState: Uint8Array;

beforeAll(async () => {
  const { trainer } = await tinyRun('webgpu');
  undisturbed = await losses(trainer, STEPS);
  finalState = await trainer.checkpoint();
});

const lose = (trainer: Trainer) => (trainer.device as WebGpuDevice).gpu.destroy();

test.each([
  ['between two steps', false],
  ['during a step', true],
])('a device loss %s does not change the losses', async (_, running) => {
  const reasons: string[] = [];
  const { trainer } = await tinyRun('webgpu', { snapshotEvery: 4, onRecovered: (reason) => reasons.push(reason) });
  const before = trainer.device;
  const found = await losses(trainer, 7);
  if (running) {
    const next = losses(trainer, 1);
    lose(trainer);
    found.push(...(await next));
  } else {
    lose(trainer);
  }
  found.push(...(await losses(trainer, STEPS - found.length)));
  expect(found).toEqual(undisturbed);
  expect(reasons).toEqual([expect.stringMatching(/./)]);
  expect(trainer.device).not.toBe(before);
  expect(await trainer.checkpoint()).toEqual(finalState);
});

test('a run survives two losses, and another while steps are repeated', async () => {
  let opened = 0;
  const { trainer } = await tinyRun('webgpu', {
    snapshotEvery: 100,
    async openDevice() {
      const device = (await openDevice('webgpu')) as WebGpuDevice;
      // The second device is lost as soon as its program is loaded.
      if (++opened === 2) {
        const load = device.load.bind(device);
        device.load = async (...plan) => {
          const executable = await load(...plan);
          device.gpu.destroy();
          return executable;
        };
      }
      return device;
    },
  });
  const found = await losses(trainer, 5);
  lose(trainer);
  found.push(...(await losses(trainer, 5)));
  lose(trainer);
  found.push(...(await losses(trainer, STEPS - 10)));
  expect(opened).toBe(4);
  expect(found).toEqual(undisturbed);
});

test('a checkpoint after a device loss has the complete state', async () => {
  const { trainer } = await tinyRun('webgpu', { snapshotEvery: 4 });
  await losses(trainer, STEPS);
  lose(trainer);
  expect(await trainer.checkpoint()).toEqual(finalState);
});

test('setData after a device loss continues at the same step', async () => {
  const { trainer, model } = await tinyRun('webgpu', { snapshotEvery: 4 });
  await losses(trainer, 6);
  const weights = await model.stateDict();
  lose(trainer);
  await trainer.setData(tinyBatches(3));
  expect(trainer.stepsDone).toBe(6);
  expect(await model.stateDict()).toEqual(weights);
  expect(trainer.optimizer.learningRate.value).toBe(rateOf(5));
});

test('a task that changes a parameter outside of the state is an error; in the state it survives a loss', async () => {
  const stray = Buffer.zeros(spec([]), { name: 'stray' });
  const model = tinyModel();
  const run = (state: TrainerOptions['state']) =>
    tinyRun(
      'webgpu',
      {
        state,
        snapshotEvery: 2,
        task({ x, label }) {
          assign(stray, add(stray, 1));
          return { loss: crossEntropy(model.forward(x), label) };
        },
      },
      model,
    );
  await expect(run({ model })).rejects.toThrow('the task changes the parameter stray, which is not in any checkpoint');
  const { trainer } = await run({ model, counter: { state: () => new Map([['stray', stray]]) } });
  await losses(trainer, 5);
  lose(trainer);
  await losses(trainer, 1);
  expect([...(await stray.read()).data]).toEqual([6]);
});

test('a frozen network outside of the state survives a device loss, even if it was used there before', async () => {
  async function run(openAs: () => Promise<Device>) {
    manualSeed(9);
    const teacher = new Linear(8, 4);
    // Loaded weights, which cannot be initialized again.
    teacher.loadStateDict(await new Linear(8, 4).stateDict());
    const device = await openAs();
    using program = await compile(device, ({ x }) => teacher.forward(x), { x: spec([1, 8]) });
    await program.run({ x: new Float32Array(8) });
    const model = tinyModel();
    let opened = 0;
    return tinyRun(
      'webgpu',
      {
        openDevice: async () => (opened++ ? openAs() : device),
        task: ({ x }) => ({ loss: mseLoss(model.forward(x), teacher.forward(x)) }),
      },
      model,
    );
  }
  const openGpu = () => openDevice('webgpu');
  const expected = await losses((await run(openGpu)).trainer, 5);
  const { trainer } = await run(openGpu);
  const found = await losses(trainer, 3);
  lose(trainer);
  found.push(...(await losses(trainer, 2)));
  expect(found).toEqual(expected);
});

test('the trainer gives up after repeated device losses', async () => {
  let opened = 0;
  let failing = false;
  const { trainer } = await tinyRun('webgpu', {
    async openDevice() {
      opened++;
      const device = await openDevice('webgpu');
      if (failing) device.destroy();
      return device;
    },
  });
  failing = true;
  lose(trainer);
  await expect(trainer.step()).rejects.toThrow(DeviceLostError);
  expect(opened).toBe(4);
  failing = false;
  expect(await losses(trainer, STEPS)).toEqual(undisturbed);
});
