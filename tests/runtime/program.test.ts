// Programs: errors, progress, and no buffer leaks.

import { afterAll, describe, expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { DeviceLostError } from '../../src/backends/device.ts';
import type { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import { Buffer } from '../../src/core/parameter.ts';
import { Input, spec, type Tensor } from '../../src/core/tensor.ts';
import { assign, isTraining, withTraining } from '../../src/core/trace.ts';
import { openDevice } from '../../src/node.ts';
import { add, conv2d, crossEntropy, matmul, mul, reshape, sum, tanh, uniform } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { countedDevice } from '../harness/counted-device.ts';
import { testGpu } from '../harness/devices.ts';

const cpu = new CpuDevice();
const build = ({ x, label }: Record<string, Tensor>) => ({ loss: crossEntropy(tanh(x), label) });
const specs = { x: spec([2, 3]), label: spec([2], 'i32') };
const inputs = { x: Float32Array.of(1, 2, 3, 4, 5, 6), label: Int32Array.of(0, 2) };

test('inputs may be in shared memory', async () => {
  for (const device of [cpu, await testGpu()]) {
    using program = await compile(device, ({ x }) => mul(x, 2), { x: spec([2]) });
    const x = new Float32Array(new SharedArrayBuffer(8));
    x.set([1, 2]);
    expect([...(await program.run({ x })).data]).toEqual([2, 4]);
  }
});

describe('a run rejects inputs that are', () => {
  test.each([
    ['missing', { label: inputs.label }, 'nothing'],
    ['too short', { ...inputs, x: new Float32Array(4) }, 'Float32Array of 4'],
    ['too long', { ...inputs, x: new Float32Array(7) }, 'Float32Array of 7'],
    ['of the wrong type', { ...inputs, x: new Int32Array(6) }, 'Int32Array of 6'],
    ['plain arrays', { ...inputs, x: [1, 2, 3, 4, 5, 6] }, 'Array of 6'],
  ])('%s; the error has the expected and the actual type', async (_, given, found) => {
    for (const device of [cpu, await testGpu()]) {
      using program = await compile(device, build, specs);
      await expect(program.run(given as unknown as typeof inputs)).rejects.toThrow(
        `run: input "x" is f32[2, 3] and takes a Float32Array of 6, but was given ${found}.`,
      );
      expect((await program.run(inputs)).loss.data[0]).toBeGreaterThan(0);
    }
  });
});

test.each([
  ['matmul', [2, 3], [4, 5], (a: Tensor, b: Tensor) => matmul(a, b)],
  ['conv2d', [1, 3, 8, 8], [4, 2, 3, 3], (a: Tensor, b: Tensor) => conv2d(a, b)],
  ['add', [2, 3], [4], (a: Tensor, b: Tensor) => add(a, b)],
  ['reshape', [2, 3], [5], (a: Tensor, b: Tensor) => reshape(a, b.shape)],
  ['crossEntropy', [2, 3], [3], (a: Tensor, b: Tensor) => crossEntropy(a, b)],
])('the error of %s for mismatched shapes has its name and both shapes', async (name, a, b, call) => {
  const failed = compile(cpu, (x) => ({ y: call(x.a, x.b) }), { a: spec(a), b: spec(b) });
  for (const text of [name, `[${a.join(', ')}]`, `[${b.join(', ')}]`]) await expect(failed).rejects.toThrow(text);
});

describe('compile', () => {
  const p = Buffer.zeros(spec([2]), { name: 'gain' });

  test('assign works only inside, once per parameter, and with its shape', async () => {
    expect(() => assign(p, add(p, 1))).toThrow('assign() works only inside a function that is being compiled');
    const twice = () => (assign(p, add(p, 1)), assign(p, add(p, 2)), {});
    await expect(compile(cpu, twice, {})).rejects.toThrow('parameter gain is assigned twice');
    const wrong = () => (assign(p, sum(p)), {});
    await expect(compile(cpu, wrong, {})).rejects.toThrow('parameter gain is f32[2], but the value is f32[]');
    // A failed function leaves no state.
    expect(() => assign(p, add(p, 1))).toThrow('works only inside');
  });

  test('rejects an input of another program, with its name', async () => {
    const stray = new Input('stray', spec([2]));
    await expect(compile(cpu, ({ x }) => add(x, stray), { x: spec([2]) })).rejects.toThrow('input "stray" of another');
  });

  test.each<[string, () => unknown, string]>([
    ['a promise', async () => ({}), 'the function is async'],
    [
      'nothing',
      () => undefined,
      'the function returned undefined; return one tensor, or an object of tensors by name ({} for updates only)',
    ],
    ['null', () => null, 'the function returned null'],
    ['a nested object', () => ({ state: { hidden: 1 } }), 'output "state" is a Object, not a tensor'],
    ['a number', () => ({ loss: 1 }), 'output "loss" is 1, not a tensor'],
    ['a missing value', () => ({ cell: undefined }), 'output "cell" is undefined, not a tensor'],
  ])('rejects %s as outputs', async (_, fn, message) => {
    await expect(compile(cpu, fn as () => Record<string, Tensor>, {})).rejects.toThrow(message);
  });

  test.each([[[2.5]], [[3, -2]], [[Number.NaN]]])('rejects an input with sizes %j', async (shape) => {
    const failed = compile(cpu, ({ x }) => x, { x: spec(shape) });
    await expect(failed).rejects.toThrow(
      `input "x" is [${shape.join(', ')}], but sizes must be integers of at least 0`,
    );
  });

  test('accepts outputs typed as an interface with optional fields', async () => {
    interface Result {
      readonly hidden: Tensor;
      readonly cell?: Tensor;
    }
    using program = await compile(cpu, ({ x }): Result => ({ hidden: add(x, 1) }), { x: spec([1]) });
    const { hidden, cell } = await program.run({ x: Float32Array.of(2) });
    expect([[...hidden.data], cell]).toEqual([[3], undefined]);
  });

  test('traces for inference by default, or for training in whole or in part', async () => {
    const seen: boolean[] = [];
    const fn = () => {
      seen.push(isTraining(), withTraining(true, isTraining), withTraining(false, isTraining), isTraining());
      return {};
    };
    await compile(cpu, fn, {});
    await compile(cpu, fn, {}, { training: true });
    expect(() => withTraining(true, () => expect.fail('stopped'))).toThrow('stopped');
    expect([...seen, isTraining()]).toEqual([false, true, false, false, true, true, false, true, false]);
  });

  test('returns every output: leaves, views, and one tensor twice', async () => {
    const build_ = ({ x }: Record<string, Tensor>) => {
      const y = mul(x, 2);
      return { x, y, again: y, view: reshape(y, [2, 1]), p };
    };
    for (const device of [cpu, await testGpu()]) {
      using program = await compile(device, build_, { x: spec([2]) });
      const results = await program.run({ x: Float32Array.of(1, 2) });
      const found = Object.entries(results).map(([name, { shape, data }]) => [name, shape, ...data]);
      expect(found).toEqual([
        ['x', [2], 1, 2],
        ['y', [2], 2, 4],
        ['again', [2], 2, 4],
        ['view', [2, 1], 2, 4],
        ['p', [2], 0, 0],
      ]);
    }
  });

  test('reports progress from 0 to complete', async () => {
    const told: [number, number][] = [];
    const onProgress = (done: number, total: number) => void told.push([done, total]);
    using program = await compile(await testGpu(), build, specs, { onProgress });
    const total = told[0][1];
    expect(total).toBe(new Set(program.plan.steps.flatMap(({ kernels }) => kernels.map(({ wgsl }) => wgsl))).size);
    expect(told).toEqual(Array.from({ length: total + 1 }, (_, done) => [done, total]));
  });
});

test('a disposed program rejects use, and may be disposed again', async () => {
  for (const device of [cpu, await testGpu()]) {
    const program = await compile(device, build, specs);
    program.dispose();
    program.dispose();
    await expect(program.run(inputs)).rejects.toThrow('This program was disposed; compile it again.');
  }
});

describe('buffers', () => {
  const opened: WebGpuDevice[] = [];
  afterAll(() => opened.forEach((device) => device.destroy()));

  const counted = async () => {
    const one = await countedDevice();
    opened.push(one.device);
    return one;
  };

  const weight = Buffer.zeros(spec([3]), { name: 'weight' });
  const rate = Buffer.zeros(spec([3]), { name: 'rate' });
  const step = (x: Record<string, Tensor>) => {
    const { loss } = build({ ...x, x: add(mul(x.x, rate), weight) });
    assign(weight, add(weight, 1));
    return { loss };
  };

  test('a thousand compiles, runs and disposals leak nothing', { timeout: 60_000 }, async () => {
    const { device, count } = await counted();
    const once = async () => {
      using program = await compile(device, step, specs);
      await program.run(inputs);
    };
    await once();
    const after = count.alive;
    expect(count.made).toBeGreaterThan(after);
    for (let i = 1; i < 1000; i++) await once();
    expect(count.alive).toBe(after);
    // The changed parameter exists only there; the other was freed with its programs.
    expect([...(await weight.read()).data]).toEqual([1000, 1000, 1000]);
  });

  test('a kernel that fails to compile leaks nothing, and its error is reported once with the compiler’s message', async () => {
    const { device, count } = await counted();
    const kernel = { name: 'broken.kernel', wgsl: 'fn main() { nonsense }', inputs: [], outputs: [], workgroups: [1, 1, 1] } as const; // prettier-ignore
    const { plan } = await compile(cpu, build, specs);
    const broken = { ...plan, steps: plan.steps.map((one) => ({ ...one, kernels: [kernel] })) };
    await expect(device.load(broken)).rejects.toThrow(/broken\.kernel does not compile: line \d+/);
    expect(count.made).toBeGreaterThan(0);
    expect(count.alive).toBe(0);
    using program = await compile(device, build, specs);
    expect((await program.run(inputs)).loss.data[0]).toBeGreaterThan(0);
  });

  test('a program’s own random state is freed with it', async () => {
    const { device, count } = await counted();
    const program = await compile(device, () => ({ x: uniform([2]) }), {});
    await program.run({});
    program.dispose();
    // Only the device's staging buffer remains.
    expect(count.alive).toBe(1);
  });

  test('ten thousand training steps create none', { timeout: 180_000 }, async () => {
    const { device, count } = await counted();
    using program = await compile(device, step, specs);
    await program.run(inputs);
    const { made } = count;
    for (let i = 0; i < 10_000; i++) await (i % 100 ? program.enqueue(inputs) : program.run(inputs));
    expect(count.made).toBe(made);
  });
});

test.each(['before a run', 'during a run'])(
  'a device destroyed %s makes the run fail with DeviceLostError',
  async (when) => {
    const device = await openDevice('webgpu');
    const program = await compile(device, build, specs);
    await program.run(inputs);
    const running = when === 'during a run' ? program.run(inputs) : null;
    device.destroy();
    if (running) await expect(running).rejects.toThrow(DeviceLostError);
    await expect(program.run(inputs)).rejects.toThrow(DeviceLostError);
    await expect(compile(device, build, specs)).rejects.toThrow(DeviceLostError);
    expect(await device.lost).toMatch(/./);
    program.dispose();
  },
);
