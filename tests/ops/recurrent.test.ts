// Recurrent networks and cells, besides the cases of all ops: unfused steps, sizes beyond the tiles, shared kernels.

import { describe, expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { RandomSource } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { Input, spec, type Tensor } from '../../src/core/tensor.ts';
import { add, gru, lstm, mul, rnn, square, sum } from '../../src/ops/index.ts';
import { compile, type CompileOptions } from '../../src/runtime/compile.ts';
import { viewedTensor } from '../../src/runtime/memory.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { finiteDifferenceErrors } from '../harness/finite-differences.ts';
import { casesOf, testOps, traceCase, type OpSpec } from '../harness/test-op.ts';
import { memoryProblems } from '../runtime/check-memory.ts';
import { kernelNames, planOf } from '../runtime/plan-of.ts';
import { recurrent } from './specs/recurrent.ts';

testOps(recurrent);

const GATES = { rnn: 1, lstm: 4, gru: 3 } as const;
type Name = keyof typeof GATES;
const networks = { rnn, lstm, gru };
const names = Object.keys(GATES) as Name[];

describe.each(names)('%s unfused', (name) => {
  const unfused: OpSpec = { ...recurrent[name], call: (inputs, attrs) => recurrent[name].call(inputs, { ...attrs, fused: false }) }; // prettier-ignore
  const cases = casesOf(name, unfused).filter((one) => /odd|bothWays|lengths|relu$/.test(one.name));

  test('matches PyTorch, with gradients', async () => {
    const problems = [];
    for (const one of cases) {
      const inputs = Object.fromEntries(one.inputs.map((input, i) => [`in${i}`, input]));
      const specs = { ...inputs, cotangent: one.cotangent! };
      const build = ({ cotangent, ...tensors }: Record<string, Tensor>) =>
        traceCase(unfused, one, Object.values(tensors), cotangent);
      using program = await compile(new CpuDevice(), build, specs);
      const results = await program.run(
        Object.fromEntries(Object.entries(specs).map(([key, { data }]) => [key, data])) as never,
      );
      const expected = Object.fromEntries(one.gradients.map((gradient, i) => [`grad${i}`, gradient!]));
      for (const [key, value] of Object.entries(results)) {
        const part = key === 'out' ? 'output' : 'gradient';
        // Every op rounds to f32, not just every step.
        const { absolute, relative } = toleranceOf(name, 'gpu', part);
        const stored = key === 'out' ? one.output : expected[key];
        const found = difference(`${name} unfused ${part}`, value, stored, { absolute, relative });
        if (found) problems.push(`${one.name}/${key}: ${found}`);
      }
    }
    expect(problems).toEqual([]);
  });

  test('has second derivatives', async () => {
    const [one] = cases;
    const f = (inputs: readonly Tensor[]) => unfused.call(inputs, one.attrs);
    expect(await finiteDifferenceErrors(name, f, one, 2)).toEqual([]);
  });
});

interface Size {
  readonly steps: number;
  readonly batch: number;
  readonly inputs: number;
  readonly hidden: number;
}

/** A layer with random tensors by name, and its outputs and gradients. */
function randomLayer(name: Name, { steps, batch, inputs, hidden }: Size) {
  const wide = GATES[name] * hidden;
  const specs = {
    x: spec([steps, batch, inputs]),
    weightIh: spec([wide, inputs]),
    weightHh: spec([wide, hidden]),
    biasIh: spec([wide]),
    biasHh: spec([wide]),
  };
  const random = new RandomSource(5);
  const values = Object.fromEntries(
    Object.entries(specs).map(([key, { shape }]) => {
      const bound = key === 'x' ? 1 : 1 / Math.sqrt(hidden);
      return [key, Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound))];
    }),
  );
  const build = (tensors: Record<string, Tensor>, options: { reverse?: boolean } = {}) => {
    const { x, weightIh, weightHh, biasIh, biasHh } = tensors;
    const own = { weightIh, weightHh, biasIh, biasHh };
    const { output, hidden: last } = networks[name](x, options.reverse ? [own, own] : [own], {
      bidirectional: options.reverse,
    });
    const leaves = Object.values(tensors);
    const gradients = grad(add(sum(square(output)), sum(mul(last, 0.5))), leaves);
    return { out: output, ...Object.fromEntries(gradients.map((g, i) => [`grad${i}`, g])) };
  };
  return { specs, values, build };
}

const variantOptions = (index: number): CompileOptions => ({
  chooseVariant: (op, variants) => variants[op.name.startsWith('recurrent') ? index : 0],
});

// Tiles have 64 hidden units and 64 vec4s of a sum; 4 batch rows share a weight.
test.each([
  ['rnn', { steps: 2, batch: 2, inputs: 1, hidden: 260 }],
  ['lstm', { steps: 2, batch: 5, inputs: 1, hidden: 65 }],
  ['gru', { steps: 3, batch: 9, inputs: 1, hidden: 88 }],
] as const)('%s: sizes past the tiles, with every variant', { timeout: 600_000 }, async (name, size) => {
  const { specs, values, build } = randomLayer(name, size);
  const run = async (device: Device, options?: CompileOptions) => {
    using program = await compile(device, (tensors) => build(tensors), specs, options);
    return program.run(values as never);
  };
  const expected: Awaited<ReturnType<typeof run>> = await run(new CpuDevice());
  const problems = [];
  for (const index of [0, 1, 2]) {
    const results = await run(await testGpu(), variantOptions(index));
    for (const [key, value] of Object.entries(results)) {
      const part = key === 'out' ? 'output' : 'gradient';
      const found = difference(`${name} large ${part}`, value, expected[key as 'out'], toleranceOf(name, 'gpu', part));
      if (found) problems.push(`variant ${index}, ${key}: ${found}`);
    }
  }
  expect(problems).toEqual([]);
});

describe.each(names)('%s compiled', (name) => {
  const plan = (steps: number, reverse: boolean, index = 0) => {
    const { specs, build } = randomLayer(name, { steps, batch: 3, inputs: 2, hidden: 4 });
    return planOf((tensors) => build(tensors, { reverse }), specs, variantOptions(index));
  };
  const texts = async (steps: number, reverse: boolean) => {
    const kernels = (await plan(steps, reverse)).steps.flatMap((step) => step.kernels);
    const own = kernels.filter((kernel) => kernel.name.startsWith('recurrent'));
    return { count: own.length, distinct: [...new Set(own.map(({ wgsl }) => wgsl))].sort() };
  };

  test('shares kernels between steps, lengths and directions', async () => {
    const [short, long, both] = [await texts(3, false), await texts(16, false), await texts(16, true)];
    // Forward and backward, each with one that prepares the weight.
    expect([short.count, long.count, both.count]).toEqual([2 * 4, 2 * 17, 4 * 17]);
    expect(short.distinct.length).toBe(4);
    expect(long.distinct).toEqual(short.distinct);
    // The gates' inputs share memory with the activated gates, unless both directions need them.
    expect(both.distinct.length).toBeLessThanOrEqual(5);
  });

  test('overwrites nothing that is still read, with any variant', async () => {
    for (const index of [0, 1, 2]) expect(memoryProblems(await plan(3, true, index))).toEqual([]);
  });

  test('activates the gates in place', async () => {
    const { steps, memory } = await plan(5, false);
    for (const op of ['recurrent', 'recurrentGrad']) {
      const { inputs, outputs } = steps.find((step) => step.op.name === op)!;
      const last = viewedTensor(inputs[inputs.length - 1]);
      const gates = outputs.find(({ size }) => size === last.size)!;
      const inPlace = memory.storage.get(gates) === memory.storage.get(last);
      // An RNN's outputs are its activated gates, which the weight's gradient reads again.
      expect([op, inPlace]).toEqual([op, op === 'recurrent' || name !== 'rnn']);
    }
  });

  test('without a gradient has one dispatch per step, and few others', async () => {
    const { specs } = randomLayer(name, { steps: 16, batch: 3, inputs: 2, hidden: 4 });
    const forward = await planOf(({ x, ...own }) => {
      const weights = own as Record<'weightIh' | 'weightHh' | 'biasIh' | 'biasHh', Tensor>;
      return { y: networks[name](x, [weights]).output };
    }, specs);
    const own = kernelNames(forward).filter((kernel) => kernel.startsWith('recurrent'));
    expect(own).toHaveLength(17);
    expect(kernelNames(forward).length - own.length).toBeLessThanOrEqual(name === 'gru' ? 5 : 2);
  });
});

test('an empty batch gives empty outputs', async () => {
  for (const device of [new CpuDevice(), await testGpu()]) {
    const { specs, build } = randomLayer('lstm', { steps: 2, batch: 0, inputs: 2, hidden: 3 });
    using program = await compile(device, (tensors) => build(tensors), specs);
    const { values } = randomLayer('lstm', { steps: 2, batch: 0, inputs: 2, hidden: 3 });
    const results = await program.run(values as never);
    expect([results.out.shape, ...results.out.data]).toEqual([[2, 0, 3]]);
    expect([...(results as Record<string, { data: ArrayLike<number> }>).grad2.data as Float32Array].some(Boolean)).toBe(false); // prettier-ignore
  }
});

test('a second derivative of fused steps is an error that names the op', () => {
  const { specs } = randomLayer('gru', { steps: 2, batch: 1, inputs: 2, hidden: 3 });
  const [x, weightIh, weightHh] = Object.entries(specs).map(([name, one]) => new Input(name, one));
  const loss = (fused: boolean) => {
    const { output } = gru(x, [{ weightIh, weightHh }], { fused });
    return sum(square(grad(sum(square(output)), [x])[0]));
  };
  expect(() => grad(loss(true), [weightHh])).toThrow('recurrentGrad has no gradient');
  expect(grad(loss(false), [weightHh])[0].shape).toEqual([9, 3]);
});
