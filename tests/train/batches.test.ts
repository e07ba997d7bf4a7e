// Asynchronous batches, and gradient accumulation.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AdamW, crossEntropy, DivergedError, Linear, manualSeed, Module, openDevice, relu, Trainer, type BatchSource, type Device, type Tensor,
  type TrainerOptions, type WebGpuDevice,
} from '../../src/node.ts'; // prettier-ignore
import { losses, tinyBatches, tinyRun } from './tiny.ts';

/** `tinyBatches` with a delay and a log of requests. */
function slowBatches(events: string[], fail: (index: number) => boolean = () => false): BatchSource {
  const { specs, batch } = tinyBatches();
  return {
    specs,
    async batch(index) {
      events.push(`make ${index}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (fail(index)) throw new Error(`batch ${index} cannot be read`);
      return batch(index);
    },
  };
}

describe.each(['cpu', 'webgpu'] as const)('asynchronous batches on %s', (kind) => {
  test('give the losses of synchronous ones; each is made once, the next one while the device works', async () => {
    const events: string[] = [];
    const { trainer } = await tinyRun(kind, { data: slowBatches(events) });
    const found: number[] = [];
    for (let step = 0; step < 3; step++) {
      found.push(...(await losses(trainer, 1)));
      events.push(`done ${step}`);
    }
    expect(found).toEqual(await losses((await tinyRun(kind)).trainer, 3));
    expect(events).toEqual(['make 0', 'make 1', 'done 0', 'make 2', 'done 1', 'make 3', 'done 2']);
  });
});

test('a failed batch is an error of its own step, which can be retried', async () => {
  let isBroken = true;
  const { trainer } = await tinyRun('cpu', { data: slowBatches([], (index) => index === 2 && isBroken) });
  const found = await losses(trainer, 2);
  // Batch 2 has already failed in advance, before its step.
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(trainer.step()).rejects.toThrow('batch 2 cannot be read');
  expect(trainer.stepsDone).toBe(2);
  isBroken = false;
  found.push(...(await losses(trainer, 2)));
  expect(found).toEqual(await losses((await tinyRun('cpu')).trainer, 4));
});

test('a step result has its own batch, although the next one is already made', async () => {
  const { trainer } = await tinyRun('cpu');
  await trainer.step();
  const { batch } = await trainer.step();
  expect(batch).toEqual(tinyBatches().batch(1));
});

class Plain extends Module {
  readonly hidden = new Linear(8, 16);
  readonly output = new Linear(16, 4);

  forward(x: Tensor): Tensor {
    return this.output.forward(relu(this.hidden.forward(x)));
  }
}

describe.each(['cpu', 'webgpu'] as const)('gradient accumulation on %s', (kind) => {
  let device: Device;
  beforeAll(async () => void (device = await openDevice(kind)));
  afterAll(() => device.destroy());

  async function run(options: Partial<TrainerOptions>) {
    manualSeed(6);
    const model = new Plain();
    const trainer = await Trainer.create({
      state: { model },
      data: tinyBatches(12),
      optimizer: new AdamW(model.parameters()),
      maxGradNorm: 0.4,
      task: ({ x, label }) => {
        const logits = model.forward(x);
        return { loss: crossEntropy(logits, label), logits };
      },
      openDevice: async () => device,
      ...options,
    });
    return { model, trainer };
  }

  /** The batches of `whole`, each split into `parts`. */
  function parted(whole: BatchSource, parts: number): BatchSource {
    const specs = Object.fromEntries(
      Object.entries(whole.specs).map(
        ([
          name,
          {
            shape: [first, ...rest],
            dtype,
          },
        ]) => [name, { shape: [first / parts, ...rest], dtype }],
      ),
    );
    return {
      specs,
      async batch(index) {
        const batch = await whole.batch(Math.floor(index / parts));
        const part = index % parts;
        return Object.fromEntries(
          Object.entries(batch).map(([name, values]) => {
            const size = values.length / parts;
            return [name, values.slice(part * size, (part + 1) * size)];
          }),
        );
      },
    };
  }

  test('three micro-batches equal one batch in loss, outputs and clipped update', async () => {
    const [whole, parts] = [await run({}), await run({ data: parted(tinyBatches(12), 3), accumulate: 3 })];
    for (let step = 0; step < 4; step++) {
      whole.trainer.optimizer.learningRate.value = parts.trainer.optimizer.learningRate.value = 0.01 * (step + 1);
      const [a, b] = [await whole.trainer.step(), await parts.trainer.step()];
      expect(b.step).toBe(step + 1);
      expect(b.loss).toBeCloseTo(a.loss, 5);
      expect(b.gradientNorm!).toBeCloseTo(a.gradientNorm!, 5);
      expect(a.gradientNorm!).toBeGreaterThan(0.4);
      expect(b.batch).toEqual(a.batch);
      expect(b.outputs.logits.shape).toEqual([12, 4]);
      a.outputs.logits.data.forEach((value, i) => expect(b.outputs.logits.data[i]).toBeCloseTo(value, 4));
    }
    const [a, b] = [await whole.model.stateDict(), await parts.model.stateDict()];
    for (const [name, { data }] of a) data.forEach((value, i) => expect(b.get(name)!.data[i]).toBeCloseTo(value, 4));
  });

  test('resumes bit by bit', async () => {
    const options = { data: tinyBatches(4), accumulate: 2 };
    const [whole, first, second] = [await run(options), await run(options), await run(options)];
    const expected = await losses(whole.trainer, 6);
    await losses(first.trainer, 4);
    await losses(second.trainer, 1);
    second.trainer.restore(await first.trainer.checkpoint());
    expect(await losses(second.trainer, 2)).toEqual(expected.slice(4));
    expect(await second.trainer.checkpoint()).toEqual(await whole.trainer.checkpoint());
  });

  test('a diverged step leaves no accumulated gradients', async () => {
    const options = { data: tinyBatches(4), accumulate: 2, snapshotEvery: 1, maxGradNorm: undefined };
    const [good, bad] = [await run(options), await run(options)];
    await losses(good.trainer, 2);
    await losses(bad.trainer, 2);
    bad.trainer.optimizer.learningRate.value = 1e38;
    const error = await bad.trainer
      .step()
      .then(() => bad.trainer.step())
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DivergedError);
    expect(error).toMatchObject({ restoredStep: 2 });
    expect(await losses(bad.trainer, 3)).toEqual(await losses(good.trainer, 3));
  });

  test('a profile has the update as a separate program', async () => {
    const { trainer } = await run({ data: tinyBatches(4), accumulate: 2 });
    const { rows } = await trainer.profile({ runs: 1 });
    expect(new Set(rows.map(({ program }) => program))).toEqual(new Set(['step, each micro-batch', 'step, update']));
  });
});

test('a device loss between micro-batches does not change the losses', async () => {
  const options = { data: tinyBatches(3), accumulate: 2, snapshotEvery: 2 };
  const expected = await losses((await tinyRun('webgpu', options)).trainer, 6);
  const { trainer } = await tinyRun('webgpu', options);
  const found = await losses(trainer, 3);
  const next = losses(trainer, 1);
  (trainer.device as WebGpuDevice).gpu.destroy();
  found.push(...(await next), ...(await losses(trainer, 2)));
  expect(found).toEqual(expected);
});

test('dispose frees the accumulated gradients', async () => {
  const device = (await openDevice('webgpu')) as WebGpuDevice;
  const alive = new Set<string>();
  const create = device.gpu.createBuffer.bind(device.gpu);
  device.gpu.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    const label = String(descriptor.label);
    alive.add(label);
    buffer.destroy = () => {
      alive.delete(label);
      return destroy();
    };
    return buffer;
  };
  const { trainer } = await tinyRun('webgpu', { openDevice: async () => device, accumulate: 2 });
  await losses(trainer, 1);
  const gradients = () => [...alive].filter((label) => label.includes('gradient.'));
  expect(gradients()).not.toEqual([]);
  trainer.dispose();
  expect(gradients()).toEqual([]);
  device.destroy();
});

test('an invalid accumulate is an error', async () => {
  await expect(tinyRun('cpu', { accumulate: 0 })).rejects.toThrow(
    'accumulate must be an integer of at least 1, but is 0',
  );
});
