// Runs of several phases over shared state: a GAN resumes and survives a device loss bit by bit.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Adam, add, BatchNorm1d, bceWithLogits, decodeCheckpoint, detach, DivergedError, Linear, manualSeed, mean, Module,
  normal, openDevice, RandomSource, relu, RMSprop, spec, Trainer, WeightAverage, type BatchSource, type Device, type PhasedTrainerOptions,
  type Tensor, type WebGpuDevice,
} from '../../src/node.ts'; // prettier-ignore
import { fill } from '../../src/core/tensor.ts';

class Generator extends Module {
  readonly first = new Linear(3, 8);
  readonly norm = new BatchNorm1d(8);
  readonly second = new Linear(8, 2);

  forward(noise: Tensor): Tensor {
    return this.second.forward(relu(this.norm.forward(this.first.forward(noise))));
  }
}

class Discriminator extends Module {
  readonly first = new Linear(2, 8);
  readonly second = new Linear(8, 1);

  forward(x: Tensor): Tensor {
    return this.second.forward(relu(this.first.forward(x)));
  }
}

const BATCH = 6;

/** Points around (2, -1). */
const points: BatchSource = {
  specs: { real: spec([BATCH, 2]) },
  async batch(step) {
    const random = new RandomSource(11, step);
    return { real: Float32Array.from({ length: 2 * BATCH }, (_, i) => (i % 2 ? -1 : 2) + 0.1 * random.normal()) };
  },
};

/** A new, reproducible GAN: two optimizers, a weight average of the generator, noise drawn on the device. */
async function gan(openOn: () => Promise<Device>, options: Partial<PhasedTrainerOptions> = {}, every?: number) {
  manualSeed(4);
  const [generator, discriminator] = [new Generator(), new Discriminator()];
  const average = new WeightAverage(generator.state(), { decay: 0.9 });
  const judge = (x: Tensor, target: number) => bceWithLogits(discriminator.forward(x), fill([BATCH, 1], target));
  const fake = () => generator.forward(normal([BATCH, 3]));
  const trainer = await Trainer.create({
    state: { generator, discriminator, average },
    data: points,
    phases: {
      discriminator: {
        optimizer: new Adam(discriminator.parameters(), { learningRate: 0.01, betas: [0.5, 0.999] }),
        task: ({ real }) => ({ loss: add(judge(real, 1), judge(detach(fake()), 0)) }),
      },
      generator: {
        optimizer: new RMSprop(generator.parameters(), { learningRate: 0.002 }),
        task: () => {
          const samples = fake();
          return { loss: judge(samples, 1), samples };
        },
        maxGradNorm: 5,
        every,
      },
    },
    openDevice: openOn,
    seed: 8,
    ...options,
  });
  return { trainer, generator, discriminator, average };
}

type Gan = Awaited<ReturnType<typeof gan>>;

async function losses({ trainer }: Gan, count: number): Promise<number[][]> {
  const found: number[][] = [];
  for (let i = 0; i < count; i++) {
    trainer.optimizers.generator.learningRate.value = 0.002 + 0.001 * (trainer.stepsDone % 3);
    const { phases } = await trainer.step();
    found.push([phases.discriminator.loss, phases.generator.loss, phases.generator.gradientNorm!]);
  }
  return found;
}

const weights = async ({ generator, discriminator, average }: Gan) =>
  Promise.all([generator.stateDict(), discriminator.stateDict(), average.stateDict()]);

describe.each(['cpu', 'webgpu'] as const)('a GAN on %s', (kind) => {
  let device: Device;
  beforeAll(async () => void (device = await openDevice(kind)));
  afterAll(() => device.destroy());
  const run = (options?: Partial<PhasedTrainerOptions>) => gan(async () => device, options);

  test('resumes bit by bit, with both optimizers and the weight average', async () => {
    const whole = await run();
    const expected = await losses(whole, 9);
    const first = await run();
    expect(await losses(first, 5)).toEqual(expected.slice(0, 5));
    const bytes = await first.trainer.checkpoint();
    const second = await run({ seed: 99 });
    await losses(second, 2);
    second.trainer.restore(bytes);
    expect(await losses(second, 4)).toEqual(expected.slice(5));
    expect(await weights(second)).toEqual(await weights(whole));
    expect(await second.trainer.checkpoint()).toEqual(await whole.trainer.checkpoint());
    expect((await weights(whole))[0]).not.toEqual((await weights(whole))[2]);
  });

  test('trains each network only in its own phase, and returns the outputs of each', async () => {
    const [{ trainer, ...networks }, untouched] = [await run(), await run()];
    const { step, phases } = await trainer.step();
    expect(step).toBe(1);
    expect(Object.keys(phases)).toEqual(['discriminator', 'generator']);
    expect(phases.generator.outputs.samples.shape).toEqual([BATCH, 2]);
    expect(phases.discriminator.batch.real).toHaveLength(2 * BATCH);
    expect(phases.discriminator.outputs.samples).toBeUndefined();
    const changed = async (name: 'generator' | 'discriminator') =>
      [...(await networks[name].stateDict())].map(([key, { data }]) => [key, ...data].join());
    const before = async (name: 'generator' | 'discriminator') =>
      [...(await untouched[name].stateDict())].map(([key, { data }]) => [key, ...data].join());
    for (const name of ['generator', 'discriminator'] as const) {
      const [now, then] = [await changed(name), await before(name)];
      expect(now.filter((text, i) => text === then[i])).toEqual([]);
    }
  });
});

test('both phases are restored after a device loss', async () => {
  const expected = await losses(await gan(() => openDevice('webgpu')), 8);
  const disturbed = await gan(() => openDevice('webgpu'), { snapshotEvery: 3 });
  const found = await losses(disturbed, 5);
  (disturbed.trainer.device as WebGpuDevice).gpu.destroy();
  found.push(...(await losses(disturbed, 3)));
  expect(found).toEqual(expected);
});

test('a phase with `every` runs only in its steps, also after resuming', async () => {
  const run = () => gan(() => openDevice('cpu'), {}, 3);
  const [whole, first, second] = [await run(), await run(), await run()];
  const fresh = await first.generator.second.weight.read();
  const turns = async ({ trainer }: Gan, count: number) => {
    const found: (readonly [number, number | undefined])[] = [];
    for (let i = 0; i < count; i++) {
      const { phases } = await trainer.step();
      found.push([phases.discriminator.loss, phases.generator?.loss]);
    }
    return found;
  };
  const expected = await turns(whole, 7);
  expect(expected.map(([, loss]) => loss !== undefined)).toEqual([false, false, true, false, false, true, false]);
  expect(await turns(first, 2)).toEqual(expected.slice(0, 2));
  expect(await first.generator.second.weight.read()).toEqual(fresh);
  second.trainer.restore(await first.trainer.checkpoint());
  expect(await turns(second, 5)).toEqual(expected.slice(2));
  expect(await second.generator.second.weight.read()).not.toEqual(fresh);
});

test('divergence names the phase and the step, and restores the last good weights of every network', async () => {
  const options = { snapshotEvery: 2 };
  const [good, bad] = [await gan(() => openDevice('cpu'), options), await gan(() => openDevice('cpu'), options)];
  await losses(good, 4);
  await losses(bad, 5);
  bad.trainer.optimizers.generator.learningRate.value = 1e38;
  await bad.trainer.step();
  const error = await bad.trainer.step().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DivergedError);
  expect(error).toMatchObject({ phase: 'discriminator', step: 7, restoredStep: 4 });
  expect((error as Error).message).toMatch(/loss of phase discriminator in step 7 is (NaN|Infinity)/);
  expect(await weights(bad)).toEqual(await weights(good));
  expect(await losses(bad, 2)).toEqual(await losses(good, 2));
});

test('a profile has rows of each phase and does not affect the run', async () => {
  const [whole, profiled] = [await gan(() => openDevice('cpu')), await gan(() => openDevice('cpu'))];
  const before = await losses(profiled, 2);
  const { rows } = await profiled.trainer.profile({ runs: 1 });
  expect(new Set(rows.map(({ program }) => program))).toEqual(new Set(['discriminator', 'generator']));
  expect([...before, ...(await losses(profiled, 2))]).toEqual(await losses(whole, 4));
});

test('setData replaces the batches that phases share', async () => {
  const { trainer } = await gan(() => openDevice('cpu'));
  await trainer.step();
  const ones: BatchSource = { specs: points.specs, batch: () => ({ real: new Float32Array(2 * BATCH).fill(1) }) };
  await trainer.setData(ones);
  const { phases, step } = await trainer.step();
  expect([step, phases.discriminator.batch, phases.generator.batch]).toEqual([2, ones.batch(0), ones.batch(0)]);
  await trainer.setData(points, 'generator');
  const next = (await trainer.step()).phases;
  expect([next.discriminator.batch, next.generator.batch]).toEqual([ones.batch(0), await points.batch(2)]);
  await expect(trainer.setData(points, 'critic')).rejects.toThrow(
    'there is no phase critic; the phases are discriminator, generator',
  );
  expect(() => trainer.optimizer).toThrow('name one of the phases: discriminator, generator');
});

test('a checkpoint has all state by name', async () => {
  const { trainer } = await gan(() => openDevice('cpu'));
  await trainer.step();
  const { step, state, optimizers, settings } = decodeCheckpoint(await trainer.checkpoint());
  expect([step, Object.keys(state), settings]).toEqual([1, ['generator', 'discriminator', 'average'], {}]);
  expect([...state.generator.keys()]).toContain('norm.running_mean');
  expect(Object.entries(optimizers).map(([name, { kind }]) => [name, kind])).toEqual([
    ['discriminator', 'Adam'],
    ['generator', 'RMSprop'],
  ]);
  expect(optimizers.generator.hyperparameters.learningRate).toBe(0.002);
});

describe('rejects', () => {
  const cpu = () => openDevice('cpu');

  test('a checkpoint with different phases or state, and changes nothing', async () => {
    const { trainer, generator } = await gan(cpu);
    const alone = await Trainer.create({
      state: { generator },
      data: points,
      task: () => ({ loss: mean(generator.forward(normal([BATCH, 3]))) }),
      optimizer: new Adam(generator.parameters()),
      openDevice: cpu,
    });
    const bytes = await alone.checkpoint();
    expect(() => trainer.restore(bytes)).toThrow(
      'from a different run: it has the phases step, but this run has discriminator, generator',
    );
    expect(trainer.stepsDone).toBe(0);
  });

  test('an average of untrained parameters, invalid names, and an invalid `every`', async () => {
    const stray = new Generator();
    const average = new WeightAverage(stray.state());
    const [generator, discriminator] = [new Generator(), new Discriminator()];
    await expect(gan(cpu, { state: { generator, discriminator, average } })).rejects.toThrow(
      'no phase trains the parameters averaged by the state entry average',
    );
    await expect(gan(cpu, { state: { 'a.b': generator } })).rejects.toThrow('"a.b" cannot name an entry of the state');
    await expect(gan(cpu, { state: { best: generator } })).rejects.toThrow('"best" cannot name');
    await expect(gan(cpu, { phases: {} })).rejects.toThrow('at least one phase');
    await expect(gan(cpu, {}, 0)).rejects.toThrow('`every` of phase generator must be an integer of at least 1');
  });
});
