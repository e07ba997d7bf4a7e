// Watches: a collapsing GAN is stopped, the error has the step, and the best weights are kept.

import { describe, expect, test } from 'vitest';
import {
  Adam, CollapsedError, compile, CpuDevice, diversity, Linear, manualSeed, mean, normal, openDevice, spec, square, Trainer,
  watchOutput, type TensorData, type TrainerOptions,
} from '../../src/node.ts'; // prettier-ignore

describe('diversity', () => {
  async function of(values: readonly number[], shape: readonly number[]) {
    using program = await compile(new CpuDevice(), ({ x }) => diversity(x), { x: spec(shape) });
    return ((await program.run({ x: Float32Array.from(values) })) as TensorData).data[0];
  }

  test('is 0 for identical samples and independent of scale', async () => {
    expect(await of([1, 5, 9, 1, 5, 9], [2, 3])).toBe(0);
    expect(await of([0, 0, 0, 0], [2, 2])).toBe(0);
    // The variances of the two elements over the batch are 1 and 0, with mean 0.5; the variance of all four values is also 0.5.
    expect(await of([0, 1, 2, 1], [2, 2])).toBeCloseTo(0.5 / 0.5);
    expect(await of([0, 10, 20, 10], [2, 2])).toBeCloseTo(1);
    expect(await of([0, 3, 2, 1], [2, 2])).toBeCloseTo(1 / 1.25);
  });
});

/** A generator that learns to output zeros: a collapse. */
async function collapsing(options: Partial<TrainerOptions>) {
  manualSeed(2);
  const model = new Linear(4, 3);
  const trainer = await Trainer.create({
    state: { model },
    optimizer: new Adam(model.parameters(), { learningRate: 0.05 }),
    task: () => {
      const samples = model.forward(normal([8, 4]));
      return {
        loss: mean(square(samples)),
        spread: mean(square(samples)),
        diversity: diversity(samples),
        samples,
      };
    },
    openDevice: () => openDevice('cpu'),
    ...options,
  });
  return { model, trainer };
}

const failure = async ({ trainer }: Awaited<ReturnType<typeof collapsing>>, most = 400) => {
  for (let step = 0; step < most; step++) {
    try {
      await trainer.step();
    } catch (error) {
      return error;
    }
  }
  return null;
};

test('the error names the output, the phase, the duration and the step; the best weights are kept', async () => {
  const watch = [watchOutput({ output: 'spread', below: 0.01, steps: 4, meaning: 'the samples vanish' })];
  let spread = 0;
  const run = await collapsing({
    watch,
    evaluate: {
      every: 5,
      measure: async () => ({ spread: ++spread === 2 ? 1 : 0 }),
      best: { metric: 'spread', better: 'higher' },
    },
  });
  const error = await failure(run);
  expect(error).toBeInstanceOf(CollapsedError);
  const { step, reason, message } = error as CollapsedError;
  expect(step).toBe(run.trainer.stepsDone);
  expect(reason).toMatch(
    /^the spread of phase step has been below 0\.01 for 4 steps \(now 0\.00\d+\): the samples vanish$/,
  );
  expect(message).toBe(`Training collapsed at step ${step}: ${reason}. The best weights (step 10) are kept.`);
  // The run can continue, and fails again only after as many steps.
  for (let i = 0; i < 3; i++) expect((await run.trainer.step()).step).toBe(step + 1 + i);
  await expect(run.trainer.step()).rejects.toThrow(CollapsedError);
});

test('ignores good runs and single bad steps', async () => {
  const well = await collapsing({
    watch: [watchOutput({ output: 'diversity', below: 0.01, steps: 3, meaning: 'alike' })],
  });
  expect(await failure(well, 40)).toBeNull();
  const never = await collapsing({ watch: [watchOutput({ above: -1, steps: 100, meaning: 'always' })] });
  expect(await failure(never, 60)).toBeNull();
});

test('the error for a missing or non-scalar output lists the outputs', async () => {
  const missing = await collapsing({ watch: [watchOutput({ output: 'score', below: 1, meaning: '' })] });
  await expect(missing.trainer.step()).rejects.toThrow(
    'phase step has no scalar output score; its outputs are loss, spread, diversity, samples',
  );
  const many = await collapsing({ watch: [watchOutput({ output: 'samples', below: 1, meaning: '' })] });
  await expect(many.trainer.step()).rejects.toThrow('no scalar output samples');
});
