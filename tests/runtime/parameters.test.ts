// Parameters: their values after runs, with other readers, and across devices.

import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { DeviceLostError, type Device } from '../../src/backends/device.ts';
import { Buffer, Parameter } from '../../src/core/parameter.ts';
import { Scalar, spec, type Tensor } from '../../src/core/tensor.ts';
import { assign } from '../../src/core/trace.ts';
import { add, matmul, mul, reshape, transpose } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { openDevice } from '../../src/node.ts';
import { countedDevice } from '../harness/counted-device.ts';
import { testGpu } from '../harness/devices.ts';
import { memoryProblems } from './check-memory.ts';

const parameter = (name: string, ...values: number[]) =>
  new Parameter({ shape: [2, 2], dtype: 'f32', data: Float32Array.from(values) }, { name });
const valuesOf = async (p: Parameter) => [...(await p.read()).data];
const devices: [string, () => Promise<Device>][] = [
  ['GPU', testGpu],
  ['CPU', async () => new CpuDevice()],
];

/** Compiles and runs `fn` once; returns its outputs as arrays. */
async function runOnce(device: Device, fn: () => Record<string, Tensor>, runs = 1): Promise<Record<string, number[]>> {
  using program = await compile(device, fn, {});
  if (device.capabilities) expect(memoryProblems(program.plan)).toEqual([]);
  for (let i = 1; i < runs; i++) await program.enqueue({});
  const results = await program.run({});
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...data]]));
}

describe.each(devices)('on the %s', (_, open) => {
  test('one run can swap two parameters', async () => {
    const [a, b] = [parameter('a', 1, 2, 3, 4), parameter('b', 5, 6, 7, 8)];
    const outputs = await runOnce(await open(), () => {
      assign(a, b);
      assign(b, a);
      return { a, b };
    });
    expect(outputs).toEqual({ a: [1, 2, 3, 4], b: [5, 6, 7, 8] });
    expect([await valuesOf(a), await valuesOf(b)]).toEqual([[5, 6, 7, 8], [1, 2, 3, 4]]); // prettier-ignore
  });

  test('each of two parameters is updated from the old value of the other', async () => {
    const [a, b] = [parameter('a', 1, 2, 3, 4), parameter('b', 5, 6, 7, 8)];
    await runOnce(await open(), () => {
      assign(a, add(b, 1));
      assign(b, add(a, 1));
      return {};
    });
    expect([await valuesOf(a), await valuesOf(b)]).toEqual([[6, 7, 8, 9], [2, 3, 4, 5]]); // prettier-ignore
    await runOnce(await open(), () => {
      assign(a, transpose(b));
      assign(b, reshape(transpose(a), [2, 2]));
      return {};
    });
    expect([await valuesOf(a), await valuesOf(b)]).toEqual([[2, 4, 3, 5], [6, 8, 7, 9]]); // prettier-ignore
  });

  test('a parameter that is read later and returned gives its old value', async () => {
    const p = parameter('p', 1, 2, 3, 4);
    const outputs = await runOnce(await open(), () => {
      const next = mul(p, 2);
      assign(p, next);
      return { product: matmul(next, p), before: p, flat: reshape(p, [4]), after: next };
    });
    expect(outputs).toEqual({
      product: [14, 20, 30, 44],
      before: [1, 2, 3, 4],
      flat: [1, 2, 3, 4],
      after: [2, 4, 6, 8],
    });
    expect(await valuesOf(p)).toEqual([2, 4, 6, 8]);
  });

  test('two parameters can get the same value, and one a reshaped value', async () => {
    const [a, b] = [parameter('a', 1, 2, 3, 4), parameter('b', 0, 0, 0, 0)];
    const flat = Buffer.zeros(spec([4]), { name: 'flat' });
    const step = () => {
      const next = add(a, 10);
      for (const p of [a, b]) assign(p, next);
      assign(flat, reshape(next, [4]));
      return { next };
    };
    expect(await runOnce(await open(), step, 2)).toEqual({ next: [21, 22, 23, 24] });
    for (const p of [a, b, flat]) expect(await valuesOf(p)).toEqual([21, 22, 23, 24]);
  });

  test('a parameter can be set to an input, which the caller may change afterwards, or to a scalar', async () => {
    const p = parameter('p', 0, 0, 0, 0);
    const rate = new Scalar('rate', 0.5);
    const last = Buffer.zeros(spec([]), { name: 'last' });
    const build = ({ x }: Record<string, Tensor>) => {
      assign(p, x);
      assign(last, rate);
      return { rate };
    };
    using program = await compile(await open(), build, { x: spec([2, 2]) });
    const x = Float32Array.of(1, 2, 3, 4);
    await program.run({ x });
    x.fill(9);
    rate.value = 0.25;
    expect(await valuesOf(p)).toEqual([1, 2, 3, 4]);
    expect(await valuesOf(last)).toEqual([0.5]);
    expect([...(await program.run({ x })).rate.data]).toEqual([0.25]);
    expect(await valuesOf(p)).toEqual([9, 9, 9, 9]);
  });

  test('runs that are not awaited execute in order', async () => {
    const counters = [parameter('a', 0, 0, 0, 0), parameter('b', 0, 0, 0, 0)];
    const build = () => {
      for (const counter of counters) assign(counter, add(counter, 1));
      return {};
    };
    using program = await compile(await open(), build, {});
    await Promise.all(Array.from({ length: 5 }, () => program.enqueue({})));
    for (const counter of counters) expect(await valuesOf(counter)).toEqual([5, 5, 5, 5]);
  });

  test('written values are used by the next run', async () => {
    const p = parameter('p', 1, 1, 1, 1);
    const build = () => {
      const next = add(p, 1);
      assign(p, next);
      return { next };
    };
    using program = await compile(await open(), build, {});
    await program.run({});
    p.write({ shape: [2, 2], dtype: 'f32', data: Float32Array.of(5, 6, 7, 8) });
    expect([...(await program.run({})).next.data]).toEqual([6, 7, 8, 9]);
    expect(await valuesOf(p)).toEqual([6, 7, 8, 9]);
  });
});

describe('values have one location', () => {
  const data = { shape: [2, 2], dtype: 'f32', data: Float32Array.of(1, 2, 3, 4) } as const;
  const double = (p: Parameter) => () => mul(p, 2);

  test.each(devices)('on the %s after a program has run there, and on the host after a write', async (_, open) => {
    const p = parameter('p', 1, 2, 3, 4);
    expect([...p.hostValues]).toEqual([1, 2, 3, 4]);
    using program = await compile(await open(), double(p), {});
    await program.run({});
    expect(() => p.hostValues).toThrow('parameter p: its values are not on the host; use await read().');
    expect(await valuesOf(p)).toEqual([1, 2, 3, 4]);
    p.write({ ...data, data: Float32Array.of(5, 6, 7, 8) });
    expect([...p.hostValues]).toEqual([5, 6, 7, 8]);
    expect([...(await program.run({})).data]).toEqual([10, 12, 14, 16]);
  });

  test('on a device after its programs are disposed, until toHost() frees its memory', async () => {
    const { device, count } = await countedDevice();
    const p = parameter('p', 1, 2, 3, 4);
    const program = await compile(device, double(p), {});
    await program.run({});
    program.dispose();
    expect(await valuesOf(p)).toEqual([1, 2, 3, 4]);
    const { alive } = count;
    await p.toHost();
    expect(count.alive).toBe(alive - 1);
    device.destroy();
    expect([...p.hostValues]).toEqual([1, 2, 3, 4]);
    expect(await valuesOf(p)).toEqual([1, 2, 3, 4]);
  });

  test('toHost() during use keeps both sides current', async () => {
    const p = parameter('p', 1, 2, 3, 4);
    using program = await compile(await testGpu(), () => (assign(p, add(p, 1)), {}), {});
    await program.enqueue({});
    await p.toHost();
    expect([...p.hostValues]).toEqual([2, 3, 4, 5]);
    await program.enqueue({});
    expect(() => p.hostValues).toThrow('not on the host');
    expect(await valuesOf(p)).toEqual([3, 4, 5, 6]);
  });

  test('values are lost with their device, unless another device, the host or the seed has them', async () => {
    const [alone, shared, kept] = [1, 2, 3].map((value) => parameter(`p${value}`, value, value, value, value));
    kept.keepOnHost = true;
    const drawn = new Parameter({ shape: [2, 2], dtype: 'f32', draw: () => new Float32Array(4).fill(4) });
    const gpu = await openDevice('webgpu');
    const program = await compile(gpu, () => add(add(alone, shared), add(kept, drawn)), {});
    await program.run({});
    using other = await compile(new CpuDevice(), double(shared), {});
    await other.run({});
    gpu.destroy();
    await expect(alone.read()).rejects.toThrow(DeviceLostError);
    expect(await Promise.all([shared, kept, drawn].map(valuesOf))).toEqual([2, 3, 4].map((x) => Array(4).fill(x)));
  });
});

test.each(devices)(
  'on the %s a run that waits for values from another device keeps its order and inputs',
  async (_, open) => {
    const [device, other] = [await open(), new CpuDevice()];
    const weight = parameter('weight', 1, 1, 1, 1);
    const digits = Buffer.zeros(spec([2, 2]));
    const scale = new Scalar('scale', 1);
    const change = () => {
      assign(weight, mul(weight, 1));
      return {};
    };
    using elsewhere = await compile(other, change, {});
    const write = (digit: Tensor) => {
      assign(digits, add(mul(digits, 10), mul(digit, scale)));
      return { before: digits };
    };
    using waiting = await compile(device, ({ x }) => write(add(mul(weight, 0), x)), { x: spec([2, 2]) });
    using ready = await compile(device, ({ x }) => write(x), { x: spec([2, 2]) });
    // First all values are on the device; then one of the programs has to wait.
    await waiting.run({ x: new Float32Array(4) });
    await elsewhere.run({});
    const x = Float32Array.of(1, 1, 1, 1);
    const first = waiting.run({ x });
    scale.value = 2;
    x.fill(2);
    const second = ready.run({ x });
    scale.value = 1;
    x.fill(7);
    const third = ready.run({ x });
    const results = await Promise.all([first, second, third]);
    expect(results.map(({ before }) => before.data[0])).toEqual([0, 1, 14]);
    expect(await valuesOf(digits)).toEqual([147, 147, 147, 147]);
  },
);

test('two programs on one device share a parameter', async () => {
  const p = parameter('p', 0, 0, 0, 0);
  const gpu = await testGpu();
  using training = await compile(gpu, () => (assign(p, add(p, 1)), {}), {});
  using reading = await compile(gpu, () => ({ y: mul(p, 10) }), {});
  expect([...(await reading.run({})).y.data]).toEqual([0, 0, 0, 0]);
  for (let i = 1; i <= 3; i++) {
    await training.enqueue({});
    expect([...(await reading.run({})).y.data]).toEqual(Array(4).fill(10 * i));
  }
  // The values outlive the program that computed them.
  training.dispose();
  expect([...(await reading.run({})).y.data]).toEqual([30, 30, 30, 30]);
  expect(await valuesOf(p)).toEqual([3, 3, 3, 3]);
});

test('a CPU and a GPU can alternately train the same parameters', async () => {
  const [a, b] = [parameter('a', 0, 0, 0, 0), parameter('b', 1, 1, 1, 1)];
  const step = () => {
    assign(a, add(a, 1));
    assign(b, add(b, a));
    return {};
  };
  const onGpu = await compile(await testGpu(), step, {});
  const onCpu = await compile(new CpuDevice(), step, {});
  for (const program of [onGpu, onCpu, onCpu, onGpu]) await program.enqueue({});
  // Two concurrent runs on the device that must first fetch the values.
  await Promise.all([onCpu.enqueue({}), onCpu.enqueue({})]);
  await Promise.all([onGpu.enqueue({}), onGpu.enqueue({})]);
  expect(await valuesOf(a)).toEqual(Array(4).fill(8));
  expect(await valuesOf(b)).toEqual(Array(4).fill(1 + 28));
  onGpu.dispose();
  await onCpu.enqueue({});
  expect(await valuesOf(a)).toEqual(Array(4).fill(9));
});

test('the error for values of the wrong length, shape or dtype names the parameter', async () => {
  const data = new Float32Array(3);
  expect(() => new Parameter({ shape: [2, 2], dtype: 'f32', data }, { name: 'w' })).toThrow(
    'parameter w: f32[2, 2] takes a Float32Array of 4 values, but a Float32Array of 3 was given.',
  );
  const w = Buffer.zeros({ shape: [2, 2], dtype: 'f32' }, { name: 'w' });
  expect(() => w.write({ shape: [2, 2], dtype: 'f32', data })).toThrow(
    'buffer w: f32[2, 2] takes a Float32Array of 4 values, but a Float32Array of 3',
  );
  expect(() => w.write({ shape: [4], dtype: 'f32', data: new Float32Array(4) })).toThrow('was given f32[4]');
  expect(() => w.write({ shape: [2, 2], dtype: 'f32', data: new Int32Array(4) })).toThrow('but a Int32Array of 4 was');
  expect([...(await w.read()).data]).toEqual([0, 0, 0, 0]);
});
