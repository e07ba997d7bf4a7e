// Ops on dtypes other than f32: each either rejects a dtype or computes the same on CPU and GPU.

import { describe, expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { isFloat, type DType, type TensorData } from '../../src/core/dtype.ts';
import { Input, spec, type Tensor } from '../../src/core/tensor.ts';
import { mul } from '../../src/ops/elementwise/binary.ts';
import { sum } from '../../src/ops/reductions/reduce.ts';
import { compile } from '../../src/runtime/compile.ts';
import { difference } from '../harness/compare.ts';
import { compileOnlyDevice, hasCompileOnlyDevice, testGpu } from '../harness/devices.ts';
import type { OpCase } from '../harness/fixtures.ts';
import { casesOf } from '../harness/test-op.ts';
import { convertTo } from '../../src/verify/case.ts';
import { f16Tolerance, units, type Tolerance } from '../../src/verify/tolerances.ts';
import { opSpecs } from './specs/index.ts';

/** An op's first case with non-scalar f32 inputs, if any. */
function smallCase(name: string): OpCase | undefined {
  const isUsual = ({ inputs, nonFinite }: OpCase) =>
    !nonFinite && inputs.some(({ dtype }) => dtype === 'f32') && inputs.every(({ data }) => data.length > 0);
  const cases = casesOf(name, opSpecs[name]).filter(isUsual);
  return cases.find(({ output }) => output.data.length > 1) ?? cases[0];
}

type Tensors = Readonly<Record<string, Tensor>>;
interface Converted {
  readonly name: string;
  readonly inputs: Readonly<Record<string, TensorData>>;
  build(tensors: Tensors): Record<string, Tensor>;
}

/** Each op's case with its f32 inputs as `dtype`, if the op accepts it. */
function convertedCases(dtype: Exclude<DType, 'f32'>): Converted[] {
  const taken: Converted[] = [];
  for (const name of Object.keys(opSpecs)) {
    const one = smallCase(name);
    if (!one) continue;
    const inputs = Object.fromEntries(
      one.inputs.map((input, i) => {
        const converted = input.dtype === 'f32' ? { ...input, dtype, data: convertTo[dtype](input.data) } : input;
        return [`${name}/in${i}`, converted];
      }),
    );
    const build = (tensors: Tensors) => {
      const own = Object.keys(inputs).map((key) => tensors[key]);
      const output = opSpecs[name].call(own, one.attrs);
      if (!isFloat(dtype) || output.dtype !== dtype) return { [`${name}/out`]: output };
      const floats = own.filter((_, i) => one.gradients[i]);
      const gradients = grad(sum(mul(output, 0.5)), floats);
      return Object.fromEntries([
        [`${name}/out`, output],
        ...gradients.map((g, i) => [`${name}/grad${i}`, g] as const),
      ]);
    };
    const specs = Object.entries(inputs).map(([key, input]) => [key, spec(input.shape, input.dtype)] as const);
    try {
      build(Object.fromEntries(specs.map(([key, type]) => [key, new Input(key, type)])));
      taken.push({ name, inputs, build });
    } catch (error) {
      expect((error as Error).message).toContain(dtype);
    }
  }
  return taken;
}

const compileAll = (device: Device, cases: readonly Converted[]) => {
  const specs = cases.flatMap(({ inputs }) =>
    Object.entries(inputs).map(([name, { shape, dtype }]) => [name, spec(shape, dtype)] as const),
  );
  const build = (tensors: Tensors) => Object.assign({}, ...cases.map((one) => one.build(tensors))) as Tensors;
  return compile(device, build, Object.fromEntries(specs));
};

async function runAll(device: Device, cases: readonly Converted[]): Promise<Record<string, TensorData>> {
  using program = await compileAll(device, cases);
  const inputs = cases.flatMap((one) => Object.entries(one.inputs).map(([name, { data }]) => [name, data] as const));
  return program.run(Object.fromEntries(inputs));
}

async function expectEqualDevices(cases: readonly Converted[], tolerance: Tolerance) {
  const [gpu, cpu] = [await runAll(await testGpu(), cases), await runAll(new CpuDevice(), cases)];
  const problems = Object.entries(cpu).flatMap(([name, expected]) => {
    const found = difference(`${name} ${expected.dtype}`, gpu[name], expected, tolerance);
    return found ? [`${name}: ${found}`] : [];
  });
  expect(problems).toEqual([]);
}

const moves = [
  'dynamicSlice',
  'updateSlice',
  'cast',
  'channelShuffle',
  'concat',
  'detach',
  'expand',
  'flatten',
  'pad',
  'permute',
  'pixelShuffle',
  'pixelUnshuffle',
  'reshape',
  'chunk',
  'embedding',
  'flip',
  'gather',
  'indexSelect',
  'maskedFill',
  'movedim',
  'repeatInterleave',
  'roll',
  'split',
  'squeeze',
  'stack',
  'tile',
  'tril',
  'triu',
  'unsqueeze',
  'slice',
  'transpose',
  'where',
];
const arithmetic = ['add', 'div', 'maximum', 'minimum', 'mul', 'remainder', 'sub'];
const comparisons = ['eq', 'ge', 'gt', 'le', 'lt', 'ne'];
const lines = ['indexAdd', 'scatterAdd', 'argmax', 'argmin', 'argsort', 'cumsum', 'sort', 'topk'];
const truths = ['all', 'any', 'countNonzero'];
const numbers = [
  ...moves,
  'clamp',
  'dot',
  'outer',
  ...arithmetic,
  ...comparisons,
  ...lines,
  ...truths,
  'max',
  'min',
  'sum',
];

const names = (cases: readonly Converted[]) => cases.map(({ name }) => name).sort();

describe.each([
  ['i32', numbers],
  ['u32', numbers],
  ['bool', [...moves, ...truths]],
] as const)('%s', (dtype, takers) => {
  const taken = convertedCases(dtype);

  test('is accepted by the expected ops', () => {
    expect(names(taken)).toEqual([...takers].sort());
  });

  test('gives the same bits on CPU and GPU', async () => {
    await expectEqualDevices(taken, units(0));
  });
});

describe('f16', () => {
  const taken = convertedCases('f16');

  test('is accepted by every elementwise op, reduction and movement op', () => {
    expect(names(taken)).toEqual(Object.keys(opSpecs).filter(smallCase).sort());
  });

  test.runIf(hasCompileOnlyDevice)('compiles for a GPU that supports it', async () => {
    (await compileAll(await compileOnlyDevice({ f16: true }), taken)).dispose();
  });

  test('agrees on the CPU and a GPU that supports it; other GPUs reject it', async () => {
    const gpu = await testGpu();
    if (gpu.capabilities!.f16) await expectEqualDevices(taken, f16Tolerance);
    else await expect(compileAll(gpu, taken)).rejects.toThrow(/f16, which this GPU does not support/);
  });
});
