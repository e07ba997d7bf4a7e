// Layers: the initial values of Linear and Conv2d, and dropout's random bits on CPU and GPU.

import { describe, expect, test } from 'vitest';
import {
  compile, Conv2d, CpuDevice, Dropout, grad, Input, Linear, manualSeed, mul, RandomSource, RandomState, spec, sum, withTraining,
  type Device, type Parameter,
} from '../../src/node.ts'; // prettier-ignore
import { testGpu } from '../harness/devices.ts';

describe('initial values', () => {
  // PyTorch draws from (-1/√n, 1/√n), where n is the fan-in; thousands of draws come within 1 % of both ends.
  test.each([
    ['Linear', () => new Linear(400, 30), 400],
    ['Conv2d', () => new Conv2d(8, 40, [3, 5]), 8 * 3 * 5],
    ['Conv2d in groups', () => new Conv2d(8, 80, 5, { groups: 4 }), 2 * 5 * 5],
  ])('of %s cover PyTorch’s range', (_, make, inputs) => {
    manualSeed(0);
    const { weight, bias } = make();
    const bound = Math.fround(1 / Math.sqrt(inputs));
    for (const { hostValues, shape } of [weight, bias!]) {
      const values = [...hostValues];
      const few = shape.length === 1;
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
      expect(Math.max(...values)).toBeGreaterThan((few ? 0.8 : 0.99) * bound);
      expect(Math.min(...values)).toBeLessThan((few ? -0.8 : -0.99) * bound);
    }
    const mean = Array.from(weight.hostValues).reduce((total, x) => total + x) / weight.size;
    expect(Math.abs(mean)).toBeLessThan((4 * bound) / Math.sqrt(3 * weight.size));
  });

  test('have PyTorch’s shapes, and no bias if disabled', () => {
    expect(new Linear(3, 2).weight.shape).toEqual([2, 3]);
    expect(new Conv2d(4, 6, [3, 5], { groups: 2 }).weight.shape).toEqual([6, 2, 3, 5]);
    expect([new Linear(3, 2, { bias: false }).bias, new Conv2d(1, 1, 1, { bias: false }).bias]).toEqual([null, null]);
  });

  test('are reproducible with manualSeed, and differ by seed and layer', () => {
    const draw = (seed: number) => {
      manualSeed(seed);
      return [new Linear(5, 4), new Linear(5, 4), new Conv2d(5, 4, 1)].flatMap(({ weight, bias }) =>
        [weight, bias!].map((parameter: Parameter) => [...parameter.hostValues]),
      );
    };
    expect(draw(7)).toEqual(draw(7));
    const all = [...draw(7), ...draw(8)].map(String);
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('dropout', () => {
  const COUNT = 20_001; // odd, so that the last random word is only half used
  const random = new RandomSource(1);
  const x = Float32Array.from({ length: COUNT }, () => random.uniform(0.5, 1.5));
  const cotangent = Float32Array.from({ length: COUNT }, () => random.uniform(0.5, 1.5));

  /** Outputs and gradients of two dropouts in two runs of one program. */
  async function run(device: Device, p: number, seed = 3) {
    const layer = new Dropout(p);
    const program = await compile(
      device,
      (inputs) => {
        const first = layer.forward(inputs.x);
        const second = layer.forward(inputs.x);
        const [gradient] = grad(sum(mul(first, inputs.cotangent)), [inputs.x]);
        return { first, second, gradient };
      },
      { x: spec([COUNT]), cotangent: spec([COUNT]) },
      { training: true, random: new RandomState(seed) },
    );
    const runs = [await program.run({ x, cotangent }), await program.run({ x, cotangent })];
    program.dispose();
    return runs.map((outputs) => ({
      first: outputs.first.data,
      second: outputs.second.data,
      gradient: outputs.gradient.data,
    }));
  }

  test('has the same bits on CPU and GPU, forward and backward, in every run', async () => {
    for (const p of [0.3, 0.9]) {
      // Buffers compare fast; toEqual would take seconds at this length.
      const bits = (runs: Awaited<ReturnType<typeof run>>) =>
        runs.flatMap(Object.values).map(({ buffer }: Float32Array) => Buffer.from(buffer));
      const [gpu, cpu] = [bits(await run(await testGpu(), p)), bits(await run(new CpuDevice(), p))];
      expect(gpu.map((bytes, i) => bytes.equals(cpu[i]))).toEqual(Array(6).fill(true));
    }
  });

  test('drops a fraction p and scales the rest to preserve the mean', async () => {
    for (const p of [0.1, 0.5, 0.75]) {
      for (const { first } of await run(new CpuDevice(), p)) {
        const values = Array.from(first);
        const dropped = values.filter((y) => y === 0).length / COUNT;
        expect(Math.abs(dropped - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / COUNT));
        // One rounding of 1 / (1 - p) to f32, and one of the product.
        expect(values.findIndex((y, i) => y !== 0 && Math.abs(y - x[i] / (1 - p)) > 2 ** -23 * y)).toBe(-1);
      }
    }
  });

  test('differs by layer, run and seed', async () => {
    const [one, two] = await run(new CpuDevice(), 0.5);
    const [other] = await run(new CpuDevice(), 0.5, 4);
    const masks = [one.first, one.second, two.first, two.second, other.first].map((y) => [...y].map(Boolean));
    for (const [i, a] of masks.entries()) {
      for (const b of masks.slice(0, i)) {
        // Independent masks with p = 0.5 agree in half of their elements.
        const agreeing = a.filter((kept, at) => kept === b[at]).length / COUNT;
        expect(Math.abs(agreeing - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / COUNT));
      }
    }
  });

  test('passes gradients where it passed values', async () => {
    for (const { first, gradient } of await run(new CpuDevice(), 0.5)) {
      expect(gradient.findIndex((g, i) => g !== (first[i] === 0 ? 0 : 2 * cotangent[i]))).toBe(-1);
    }
  });

  test('does nothing, and draws no numbers, in inference or with p = 0', () => {
    const input = new Input('x', spec([4]));
    expect(new Dropout(0.5).forward(input)).toBe(input);
    expect(withTraining(true, () => new Dropout(0).forward(input))).toBe(input);
  });

  test.each([-0.1, 1, 1.5, Number.NaN])('rejects p = %s', (p) => {
    expect(() => withTraining(true, () => new Dropout(p).forward(new Input('x', spec([4]))))).toThrow(
      `dropout: p must be at least 0 and below 1, but is ${p}.`,
    );
  });
});
