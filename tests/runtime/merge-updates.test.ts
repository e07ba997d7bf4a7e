// Merged updates of many parameters in one kernel: the same results, whatever else reads and writes them.

import { describe, expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device, Plan } from '../../src/backends/device.ts';
import { RandomSource } from '../../src/core/random.ts';
import { sizeOf, type Shape } from '../../src/core/shape.ts';
import { Parameter } from '../../src/core/parameter.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { assign } from '../../src/core/trace.ts';
import { add, dropout, matmul, mean, mul, reshape, square, sub, sum, tanh } from '../../src/ops/index.ts';
import { AdamW } from '../../src/optim/adam.ts';
import { clipGradNorm } from '../../src/optim/clip.ts';
import { Lion } from '../../src/optim/lion.ts';
import type { Optimizer } from '../../src/optim/optimizer.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { WeightAverage } from '../../src/optim/weight-average.ts';
import { compile } from '../../src/runtime/compile.ts';
import { inspectProgram } from '../../src/runtime/inspect.ts';
import { countedDevice } from '../harness/counted-device.ts';
import { testGpu, withCapabilities } from '../harness/devices.ts';
import { memoryProblems } from './check-memory.ts';
import { kernelNames, planOf } from './plan-of.ts';

const specs = { x: spec([4, 8]) };
const inputs = { x: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i + 1)) };

function randomParameters(shapes: readonly Shape[], seed = 1): Parameter[] {
  const random = new RandomSource(seed);
  return shapes.map((shape, i) => {
    const data = Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-0.5, 0.5));
    return new Parameter({ shape, dtype: 'f32', data }, { name: `p${i}` });
  });
}

/** Three layers, each a matrix and a vector: sizes that are and are not multiples of vectors, and of an arena's. */
const makeModel = () => randomParameters([[8, 17], [17], [17, 16], [16], [16, 9], [9]]);
const forward = (p: readonly Parameter[], x: Tensor) =>
  tanh(add(matmul(tanh(add(matmul(tanh(add(matmul(x, p[0]), p[1])), p[2]), p[3])), p[4]), p[5]));

/** A training step with clipped gradients, so that no update can be fused into a gradient's kernel. */
function clippedStep(parameters: readonly Parameter[], optimizer: Optimizer, also = () => {}) {
  return ({ x }: Record<string, Tensor>) => {
    const loss = mean(square(forward(parameters, x)));
    optimizer.step(clipGradNorm(grad(loss, optimizer.parameters), 0.1).gradients);
    also();
    return { loss };
  };
}

type Setup = (parameters: Parameter[]) => { optimizer: Optimizer; also?: () => void; state?: () => Parameter[] };
const setups: Record<string, Setup> = {
  'SGD with momentum': (p) => ({ optimizer: new SGD(p, { learningRate: 0.5, momentum: 0.9, weightDecay: 0.01 }) }),
  AdamW: (p) => ({ optimizer: new AdamW(p, { learningRate: 0.01 }) }),
  'Lion with groups': (p) => ({
    optimizer: new Lion(
      [
        { parameters: p.filter(({ shape }) => shape.length === 2), weightDecay: 0.5 },
        { parameters: p.filter(({ shape }) => shape.length === 1), rateFactor: 0.25 },
      ],
      { learningRate: 1 / 64 },
    ),
  }),
  'AdamW with a weight average': (p) => {
    const average = new WeightAverage(new Map(p.map((one) => [one.name, one])), { decay: 0.75 });
    return {
      optimizer: new AdamW(p, { learningRate: 0.01 }),
      also: () => average.update(),
      state: () => [...average.state().values()],
    };
  },
};

const valuesOf = async (parameters: readonly Parameter[]) =>
  Promise.all(parameters.map(async (one) => [...(await one.read()).data]));

/** Compares all values, with a tolerance for the roundings of four steps on values of about 1. */
const near = (values: number[][]) => values.map((list) => list.map((value) => expect.closeTo(value, 5) as number));

const mergedKernels = (plan: Plan) => kernelNames(plan).filter((name) => name.includes(' × '));

describe.each(Object.entries(setups))('%s', (_, setup) => {
  /** All state after four steps, and the plan. */
  async function train(device: Device) {
    const model = makeModel();
    const { optimizer, also, state = () => [] } = setup(model);
    using program = await compile(device, clippedStep(model, optimizer, also), specs);
    for (let i = 0; i < 4; i++) await program.run(inputs);
    return { values: await valuesOf([...model, ...optimizer.state().values(), ...state()]), plan: program.plan };
  }

  test('matches the CPU with merged updates', async () => {
    const [merged, cpu] = [await train(await testGpu()), await train(new CpuDevice())];
    expect(merged.values).toEqual(near(cpu.values));
    expect(memoryProblems(merged.plan)).toEqual([]);
    expect(mergedKernels(merged.plan).length).toBeGreaterThan(0);
  });

  test('has no separate kernels per parameter, and no copies', async () => {
    for (const maxStorageBuffersPerShaderStage of [8, 10]) {
      const model = makeModel();
      const { optimizer, also } = setup(model);
      const plan = await planOf(clippedStep(model, optimizer, also), specs, {
        capabilities: { maxStorageBuffersPerShaderStage },
      });
      expect(memoryProblems(plan)).toEqual([]);
      const updates = inspectProgram(plan).steps.flatMap(({ updates: names, kernels }) =>
        names.length > 0 ? kernels : [],
      );
      // The step count's corrections are scalars, computed separately.
      expect(updates.filter((name) => !name.includes(' × ')).length).toBeLessThan(3);
      for (const { parameter, value } of plan.updates)
        expect(plan.memory.storage.get(value)).toEqual({ leaf: parameter });
    }
  });
});

/** Runs `use` on the GPU and on the CPU, each with its own parameters, and expects the same values. */
async function expectSame(shapes: readonly Shape[], use: (device: Device, p: Parameter[]) => Promise<unknown>) {
  const results: number[][][] = [];
  for (const device of [await testGpu(), new CpuDevice()]) {
    const parameters = randomParameters(shapes);
    await use(device, parameters);
    results.push(await valuesOf(parameters));
  }
  expect(results[0]).toEqual(near(results[1]));
}

const shapesOfModel = makeModel().map(({ shape }) => shape);
const make = async (device: Device, step: (inputs: Record<string, Tensor>) => Record<string, Tensor>) => {
  const program = await compile(device, step, specs);
  if (device.capabilities) expect(memoryProblems(program.plan)).toEqual([]);
  return program;
};

/** A step of `p ← p − 0.5 · f(g)` for several gradients. */
const descend = (p: readonly Parameter[], gradients: readonly Tensor[]) =>
  clipGradNorm(gradients, 1).gradients.forEach((g, i) => assign(p[i], sub(p[i], mul(g, 0.5))));

describe('packed parameters', () => {
  test('work in programs compiled before and after packing', async () => {
    const outputs: number[][][] = [];
    await expectSame(shapesOfModel, async (device, p) => {
      const predict = ({ x }: Record<string, Tensor>) => ({ y: forward(p, x) });
      const before = await make(device, predict);
      await before.run(inputs);
      const training = await make(device, clippedStep(p, new SGD(p, { learningRate: 0.5, momentum: 0.5 })));
      const after = await make(device, predict);
      const seen: number[][] = [];
      for (let i = 0; i < 2; i++) {
        for (const program of [before, training, before, after]) {
          seen.push(...Object.values(await program.run(inputs)).map(({ data }) => [...data]));
        }
      }
      training.dispose();
      // The values outlive the program that packed them, and can be written.
      seen.push([...(await after.run(inputs)).y.data]);
      const { shape, dtype, data } = await p[2].read();
      p[2].write({ shape, dtype, data: data.map((value) => value / 2) });
      seen.push([...(await before.run(inputs)).y.data]);
      outputs.push(seen);
      before.dispose();
      after.dispose();
    });
    expect(outputs[0]).toEqual(near(outputs[1]));
  });

  test('can be used by several optimizers, in different orders and with other parameters', async () => {
    await expectSame(shapesOfModel, async (device, p) => {
      const first = await make(device, clippedStep(p, new SGD(p.slice(1, 5), { learningRate: 0.5, momentum: 0.9 })));
      const second = await make(device, clippedStep(p, new AdamW([p[5], p[4], p[2], p[3], p[0]])));
      const third = await make(device, clippedStep(p, new SGD(p, { learningRate: 0.5 })));
      for (const program of [first, second, third, first, third, second]) await program.run(inputs);
      if (device.capabilities) {
        // Parameters merged first stay together in later programs.
        expect(mergedKernels(first.plan).some((name) => name.endsWith(' × 4'))).toBe(true);
        expect(mergedKernels(third.plan).some((name) => name.endsWith(' × 4'))).toBe(true);
      }
      for (const program of [first, second, third]) program.dispose();
    });
  });

  test('train alternately on two devices, and resume from a checkpoint', async () => {
    await expectSame(shapesOfModel, async (device, p) => {
      const optimizer = new AdamW(p);
      const [here, there] = [
        await make(device, clippedStep(p, optimizer)),
        await make(new CpuDevice(), clippedStep(p, optimizer)),
      ];
      await here.run(inputs);
      await there.run(inputs);
      const all = [...p, ...optimizer.state().values()];
      const saved = await Promise.all(all.map((one) => one.read()));
      await Promise.all([here.enqueue(inputs), here.enqueue(inputs)]);
      all.forEach((one, i) => one.write(saved[i]));
      await here.run(inputs);
      here.dispose();
      const again = await make(device, clippedStep(p, optimizer));
      await again.run(inputs);
      again.dispose();
    });
  });

  test('may share a gradient, or have an input as the gradient', async () => {
    await expectSame([[8, 8], [8, 8], [8, 8], [8], [32]], async (device, p) => {
      const program = await make(device, ({ x }: Record<string, Tensor>) => {
        const loss = mean(square(add(matmul(tanh(matmul(x, p[0])), add(p[1], p[2])), p[3])));
        const [g0, g1, g2, g3] = grad(loss, p.slice(0, 4));
        expect(g1).toBe(g2);
        descend(p, [g0, g1, g2, g3, reshape(x, [32])]);
        return { loss };
      });
      for (let i = 0; i < 3; i++) await program.run(inputs);
      program.dispose();
    });
  });

  test('can be read by kernels that write their neighbours', async () => {
    await expectSame(
      [
        [8, 8],
        [8, 8],
        [8, 8],
      ],
      async (device, p) => {
        const [a, b, c] = p;
        const merged = await make(device, ({ x }: Record<string, Tensor>) => {
          const loss = mean(square(matmul(matmul(matmul(x, a), b), c)));
          descend(p, grad(loss, p));
          return { loss };
        });
        // The update of `a` is fused into a product that reads `b` from the same buffer.
        const mixed = await make(device, () => {
          assign(a, add(a, mul(matmul(b, c), 0.125)));
          return {};
        });
        // Two parameters in one buffer get the same value, and a third that of its neighbour.
        const copied = await make(device, () => {
          const next = mul(a, 0.5);
          assign(a, next);
          assign(b, next);
          assign(c, b);
          return {};
        });
        for (const program of [merged, mixed, merged, copied, mixed, merged]) await program.run(inputs);
        if (device.capabilities) await mixed.time({ ...inputs });
        else await mixed.run(inputs);
        for (const program of [merged, mixed, copied]) program.dispose();
      },
    );
  });

  test('are freed with the last program that uses them, and keep their newest values', async () => {
    const { device, count } = await countedDevice();
    const once = async () => {
      const p = makeModel();
      const state = new AdamW(p);
      const training = await make(device, clippedStep(p, state));
      await training.run(inputs);
      const predicting = await make(device, ({ x }: Record<string, Tensor>) => ({ y: forward(p, x) }));
      await predicting.run(inputs);
      const all = [...p, ...state.state().values()];
      // Values that are newest on the host need no copy.
      for (const one of all) one.write(await one.read());
      predicting.dispose();
      training.dispose();
    };
    await once();
    const { alive } = count;
    for (let i = 0; i < 3; i++) await once();
    expect(count.alive).toBe(alive);
    const kept = makeModel();
    const program = await make(device, clippedStep(kept, new SGD(kept, { momentum: 0.9 })));
    await program.run(inputs);
    program.dispose();
    // One buffer for all six, and one for the optimizer's state.
    expect(count.alive).toBe(alive + 2);
    expect((await valuesOf(kept)).flat().every(Number.isFinite)).toBe(true);
    device.destroy();
  });
});

describe('merging', () => {
  const plan = (shapes: readonly Shape[], step: (p: Parameter[]) => Record<string, Tensor>, most?: number) => {
    const p = randomParameters(shapes);
    return planOf(() => step(p), {}, { capabilities: most ? { maxStorageBufferBindingSize: most } : {} });
  };
  const shrink = (p: readonly Parameter[]) => {
    p.forEach((one) => assign(one, mul(one, 0.5)));
    return {};
  };

  test('includes parameters of any shape, except large ones and scalars', async () => {
    const small = await plan([[3], [2, 5], [1], [], [4, 4, 4], [2 ** 20 + 1], [2, 2]], shrink);
    expect(mergedKernels(small)).toEqual(['pointwise.mul × 4']);
    expect(kernelNames(small)).toHaveLength(4);
    expect(memoryProblems(small)).toEqual([]);
  });

  test('is off without fusion', async () => {
    const p = randomParameters([[8], [9], [10]]);
    expect(kernelNames(await planOf(() => shrink(p), {}, { fuse: false }))).toEqual(Array(3).fill('pointwise.mul'));
  });

  test('stays within the binding limit', async () => {
    const parts = await plan([[100], [100], [300], [100], [100]], shrink, 2048);
    // Groups of 128 + 128, 384, and 128 + 128 elements of four bytes.
    expect(mergedKernels(parts).map((name) => name.slice(-1))).toEqual(['2', '2']);
    expect(memoryProblems(parts)).toEqual([]);
    const gpu = withCapabilities(await testGpu(), { maxStorageBufferBindingSize: 2048 });
    const p = randomParameters([[100], [100], [300], [100], [100]]);
    const before = await valuesOf(p);
    using program = await compile(gpu, () => shrink(p), {});
    await program.run({});
    expect(await valuesOf(p)).toEqual(before.map((values) => values.map((value) => value / 2)));
    // A device that binds less than an arena of parameters takes them one by one.
    const p2 = randomParameters([[100], [100], [100], [100]]);
    using whole = await compile(await testGpu(), () => shrink(p2), {});
    expect(mergedKernels(whole.plan)).toEqual(['pointwise.mul × 4']);
    using single = await compile(
      withCapabilities(await testGpu(), { maxStorageBufferBindingSize: 1024 }),
      () => shrink(p2),
      {},
    );
    expect(mergedKernels(single.plan)).toEqual([]);
    await whole.run({});
    await single.run({});
  });

  test('excludes updates that depend on an element’s index', async () => {
    const noisy = await plan([[64], [64]], (p) => {
      p.forEach((one) => assign(one, dropout(one, 0.5)));
      return {};
    });
    expect(mergedKernels(noisy)).toEqual([]);
  });

  test('excludes parameters whose old value is an output', async () => {
    const old = await plan([[8], [8], [8]], (p) => ({ ...shrink(p), old: p[1] }));
    expect(mergedKernels(old)).toEqual(['pointwise.mul × 2']);
    expect(memoryProblems(old)).toEqual([]);
  });

  test('excludes updates that depend on each other', async () => {
    const chain = await plan([[8], [8], [8], [8]], (p) => {
      let last: Tensor = p[0];
      for (const one of p) assign(one, (last = add(mul(one, 0.5), mul(sum(last, 0, true), 0.5))));
      return {};
    });
    expect(memoryProblems(chain)).toEqual([]);
  });

  test('is shown as one step, which updates all of them', async () => {
    const { steps } = inspectProgram(await plan([[8], [9], [10]], shrink));
    expect(steps).toHaveLength(1);
    expect(steps[0]).toMatchObject({
      kernels: ['pointwise.mul × 3'],
      inputs: ['f32[384]'],
      outputs: ['f32[384]'],
      reads: ['p0', 'p1', 'p2'],
      updates: ['p0', 'p1', 'p2'],
    });
  });
});
