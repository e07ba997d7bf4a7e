// Optimizers: five steps of each against PyTorch on CPU and GPU, changes during a run, and wrong use.

import { describe, expect, test } from 'vitest';
import {
  Adagrad, Adam, AdamW, clipGradNorm, clipGradValue, compile, CpuDevice, Lion, Parameter, RMSprop, SGD, spec, type Device, type Optimizer, type Tensor,
  type TensorData, type TypedArray,
} from '../../src/node.ts'; // prettier-ignore
import type { Tolerance } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { readFixture } from '../harness/fixtures.ts';

interface OptimizerAttrs {
  readonly optimizer: keyof typeof optimizers;
  readonly learningRate: number;
  readonly weightDecay?: number;
  readonly schedule?: readonly number[];
}

const STEPS = 5;
const optimizers = { SGD, Adam, AdamW, RMSprop, Adagrad, Lion };
const { tensors, cases } = readFixture('optim');

/**
 * Tolerance for parameters of about 1 after up to five steps. PyTorch computed in float64; here every step rounds to f32. The
 * worst error of any optimizer on any adapter is 1.1e-7.
 */
const tolerance: Tolerance = { absolute: 2.5e-7, relative: 2.5e-7 };

/** A function to compile that runs one step of `optimizer` with the gradient `g`. */
const stepOf = (optimizer: Optimizer) => (gradients: { g: Tensor }) => {
  optimizer.step([gradients.g]);
  return {};
};

/** The fixture's cases as optimizers, each with its one parameter. */
const makeRuns = () =>
  cases.map(({ name, attrs }) => {
    const { optimizer, weightDecay = 0, schedule, ...options } = attrs as unknown as OptimizerAttrs;
    const parameter = new Parameter(tensors.get(`${name}/param0`)!, { name });
    return {
      name,
      parameter,
      schedule,
      optimizer: new optimizers[optimizer]([parameter], { ...options, weightDecay }),
    };
  });

/** The parameters of all runs after each step, in one program. */
async function trajectories(device: Device): Promise<Map<string, TensorData>> {
  const runs = makeRuns();
  const program = await compile(
    device,
    (gradients) => {
      for (const { name, optimizer } of runs) optimizer.step([gradients[name]]);
      return {};
    },
    Object.fromEntries(runs.map(({ name, parameter }) => [name, spec(parameter.shape)])),
  );
  const found = new Map<string, TensorData>();
  for (let step = 1; step <= STEPS; step++) {
    const gradients: Record<string, TypedArray> = {};
    for (const { name, schedule, optimizer } of runs) {
      gradients[name] = tensors.get(`${name}/grad${step}`)!.data;
      if (schedule) optimizer.learningRate.value = schedule[step - 1];
    }
    await program.enqueue(gradients);
    for (const { name, parameter } of runs) found.set(`${name}/param${step}`, await parameter.read());
  }
  program.dispose();
  return found;
}

describe.each(['cpu', 'gpu'] as const)('on the %s', (kind) => {
  const open = async () => (kind === 'cpu' ? new CpuDevice() : testGpu());

  test('every optimizer matches PyTorch', async () => {
    const found = await trajectories(await open());
    expect(found.size).toBe(STEPS * cases.length);
    const problems = [...found].flatMap(([key, value]) => {
      const family = /^(sgd|adam|rmsprop|adagrad|lion)/.exec(key)![0];
      const problem = difference(`${family} ${kind}`, value, tensors.get(key)!, tolerance);
      return problem ? [`${key}: ${problem}`] : [];
    });
    expect(problems).toEqual([]);
  });

  test('changed hyperparameters take effect in the next run of the same program', async () => {
    const p = new Parameter({ shape: [2], dtype: 'f32', data: Float32Array.of(8, -4) }, { name: 'p' });
    const optimizer = new SGD([p], { learningRate: 0.5 });
    const program = await compile(await open(), stepOf(optimizer), { g: spec([2]) });
    const stepTo = async () => {
      await program.enqueue({ g: Float32Array.of(1, 2) });
      return [...(await p.read()).data];
    };
    expect(await stepTo()).toEqual([7.5, -5]);
    optimizer.learningRate.value = 0.25;
    expect(await stepTo()).toEqual([7.25, -5.5]);
    optimizer.learningRate.value = 0;
    expect(await stepTo()).toEqual([7.25, -5.5]);
    optimizer.learningRate.value = 1;
    optimizer.weightDecay.value = 2;
    expect(await stepTo()).toEqual([7.25 - 1 - 14.5, -5.5 - 2 + 11]);
    program.dispose();
  });
});

describe('groups', () => {
  const start = { shape: [2], dtype: 'f32', data: Float32Array.of(1, -2) } as const;
  const make = (count: number) => Array.from({ length: count }, (_, i) => new Parameter(start, { name: `p${i}` }));
  /** Parameters after three steps with different gradients. */
  async function after(...all: Optimizer[]): Promise<number[][]> {
    const build = ({ g }: { g: Tensor }) => {
      for (const optimizer of all) optimizer.step(optimizer.parameters.map(() => g));
      return {};
    };
    using program = await compile(new CpuDevice(), build, { g: spec([2]) });
    for (let i = 1; i <= 3; i++) await program.enqueue({ g: Float32Array.of(i, -1) });
    const values = await Promise.all(all.flatMap(({ parameters }) => parameters.map((p) => p.read())));
    return values.map(({ data }) => [...data]);
  }

  test.each(Object.entries(optimizers))('of %s equal separate optimizers', async (_, Kind) => {
    const [a, b, c, d, e, f] = make(6);
    const learningRate = 0.0625;
    const grouped = new Kind(
      [
        { parameters: [a], weightDecay: 0.5 },
        { parameters: [b], rateFactor: 0.25, weightDecay: 0 },
        { parameters: [c] },
      ],
      { learningRate, weightDecay: 0.125 },
    );
    const alone = [
      new Kind([d], { learningRate, weightDecay: 0.5 }),
      new Kind([e], { learningRate: learningRate / 4, weightDecay: 0 }),
      new Kind([f], { learningRate, weightDecay: 0.125 }),
    ];
    const found = await after(grouped);
    const expected = await after(...alone);
    found.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.flat()[i], 6));
    expect(new Set(found.map(String)).size).toBe(3);
    expect([...grouped.state().keys()]).toEqual([...new Kind(make(3)).state().keys()]);
  });

  test('have weight decays that can be changed', () => {
    const [a, b] = make(2);
    const optimizer = new AdamW([{ parameters: [a], weightDecay: 0 }, { parameters: [b] }], { weightDecay: 0.1 });
    expect(optimizer.groupDecays.map(({ value }) => value)).toEqual([0, 0.1]);
    expect(optimizer.groupDecays[1]).toBe(optimizer.weightDecay);
  });
});

describe('clipping', () => {
  const gradients = { a: Float32Array.of(3, -4, 0, 0), b: Float32Array.of(12) };
  const specs = { a: spec([2, 2]), b: spec([1]) };

  test.each(['cpu', 'gpu'] as const)('scales all gradients by the same factor on the %s', async (kind) => {
    const device = kind === 'cpu' ? new CpuDevice() : await testGpu();
    const build = ({ a, b }: { a: Tensor; b: Tensor }) => {
      const [long, short] = [clipGradNorm([a, b], 6.5), clipGradNorm([a, b], 20)];
      return {
        norm: long.norm,
        a: long.gradients[0],
        b: long.gradients[1],
        same: short.gradients[0],
        held: clipGradValue([a], 3.5)[0],
      };
    };
    using program = await compile(device, build, specs);
    const found = await program.run(gradients);
    const near = (values: number[]) => values.map((value) => expect.closeTo(value, 5) as number);
    expect([...found.norm.data]).toEqual(near([13]));
    expect([...found.a.data, ...found.b.data]).toEqual(near([1.5, -2, 0, 0, 6]));
    expect([...found.same.data]).toEqual([...gradients.a]);
    expect([...found.held.data]).toEqual([3, -3.5, 0, 0]);
  });

  test('leaves zeros unchanged, and rejects invalid limits', async () => {
    using program = await compile(new CpuDevice(), ({ b }) => clipGradNorm([b], 1).gradients[0], { b: spec([1]) });
    expect([...(await program.run({ b: Float32Array.of(0) })).data]).toEqual([0]);
    expect(() => clipGradNorm([], 1)).toThrow('clipGradNorm: the list of gradients is empty');
    expect(() =>
      clipGradNorm([new Parameter({ shape: [], dtype: 'f32', data: Float32Array.of(1) }, { name: 'p' })], 0),
    ).toThrow('above 0');
  });
});

describe('state', () => {
  const p = () => new Parameter({ shape: [2], dtype: 'f32', data: Float32Array.of(1, 2) }, { name: 'p' });
  const after = async (optimizer: Optimizer, steps: number) => {
    const program = await compile(new CpuDevice(), stepOf(optimizer), { g: spec([2]) });
    for (let i = 0; i < steps; i++) await program.enqueue({ g: Float32Array.of(1, -2) });
    return Object.fromEntries([...(await optimizer.stateDict())].map(([name, { data }]) => [name, [...data]]));
  };

  test('starts at zero, is named for checkpoints, and has everything the next step depends on', async () => {
    expect(await after(new SGD([p()], { momentum: 0.5 }), 0)).toEqual({ 'velocity.0': [0, 0] });
    expect(await after(new SGD([p()], { momentum: 0.5 }), 2)).toEqual({ 'velocity.0': [1.5, -3] });
    expect(await after(new SGD([p()]), 2)).toEqual({});
    expect(await after(new AdamW([p()], { betas: [0.5, 0.75] }), 2)).toEqual({
      meanCorrection: [0.75], // 1 − 0.5²
      squareCorrection: [0.4375], // 1 − 0.75²
      'mean.0': [0.75, -1.5],
      'square.0': [0.4375, 1.75],
    });
  });
});

describe('wrong use', () => {
  const p = new Parameter({ shape: [2], dtype: 'f32', data: Float32Array.of(1, 2) }, { name: 'p' });

  test('a wrong number of gradients is an error', () => {
    const q = new Parameter({ shape: [2], dtype: 'f32', data: Float32Array.of(1, 2) }, { name: 'q' });
    expect(() => new SGD([p], { nesterov: true })).toThrow('SGD: nesterov needs a momentum above 0, such as 0.9.');
    expect(() => new SGD([p]).step([p, p])).toThrow('step: expected a gradient for each of 1 parameters, but got 2.');
    expect(() => new AdamW([p, q]).step([])).toThrow('step: expected a gradient for each of 2 parameters, but got 0.');
  });

  test('the error for a gradient of the wrong shape has both shapes', async () => {
    const compiled = compile(new CpuDevice(), stepOf(new SGD([p])), { g: spec([3]) });
    await expect(compiled).rejects.toThrow(/\[3\].*\[2\]|\[2\].*\[3\]/);
    const wider = compile(new CpuDevice(), stepOf(new SGD([p])), { g: spec([3, 2]) });
    await expect(wider).rejects.toThrow(/\[3, 2\].*\[2\]|\[2\].*\[3, 2\]/);
  });

  test('a step outside of compile(), and an optimizer without parameters, are errors', () => {
    expect(() => new SGD([p]).step([p])).toThrow('works only inside a function that is being compiled');
    for (const Kind of Object.values(optimizers)) {
      expect(() => new Kind([])).toThrow('An optimizer needs at least one parameter');
      expect(() => new Kind([{ parameters: [p] }, { parameters: [p] }])).toThrow('p is listed twice');
    }
  });
});
