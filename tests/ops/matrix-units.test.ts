// Matrix products on matrix units, which test machines lack: compiled for many kinds, and run with emulated instructions.

import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { nodeAdapter } from '../../src/backends/webgpu/adapter-node.ts';
import { MATRIX_UNITS, understandsMatrices } from '../../src/backends/webgpu/matrix-units.ts';
import type { TypedArray } from '../../src/core/dtype.ts';
import { topologicalOrder } from '../../src/core/graph.ts';
import type { Capabilities, SubgroupMatrix } from '../../src/core/kernel.ts';
import type { Shape } from '../../src/core/shape.ts';
import { Input, spec, type Tensor } from '../../src/core/tensor.ts';
import { add, matmul, relu } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { inputsOf, type Values } from '../../src/verify/case.ts';
import { deviation } from '../../src/verify/compare.ts';
import { variantNames } from '../../src/verify/variants.ts';
import { kernelNames, planOf } from '../runtime/plan-of.ts';
import { compileOnlyDevice, hasCompileOnlyDevice, testGpu } from '../harness/devices.ts';
import { withEmulatedUnits, type EmulatedUnits } from '../harness/emulated-units.ts';
import { runsAll } from '../harness/test-op.ts';

type Float = 'f32' | 'f16';

const unit = (component: Float, M: number, N: number, K: number): SubgroupMatrix => ({
  component,
  result: 'f32',
  M,
  N,
  K,
});

/** The units of NVIDIA, Intel and Apple GPUs. f32 represents every f16, so f32 units multiply both. */
const units = {
  f16: [unit('f16', 16, 16, 16), unit('f16', 16, 8, 16), unit('f16', 8, 16, 16), unit('f16', 16, 8, 8), unit('f16', 8, 8, 8)],
  f32: [unit('f32', 16, 16, 8), unit('f32', 8, 8, 8), unit('f32', 8, 16, 16)],
}; // prettier-ignore

interface Product {
  readonly shapes: readonly Shape[];
  readonly call: (a: Tensor, b: Tensor, row: Tensor) => Tensor;
}

const product = (a: Shape, b: Shape, transposeA = false, transposeB = false): Product => ({
  shapes: [a, b],
  call: (x, y) => matmul(x, y, { transposeA, transposeB }),
});

/** Sizes beyond the edges of 64 and 128 tiles, aligned and unaligned rows, all transpositions, split sums, batches. */
const products: Record<string, Product> = {
  'a tile': product([64, 32], [32, 64]),
  odd: product([65, 35], [35, 67]),
  'b transposed': product([66, 44], [130, 44], false, true),
  'a transposed': product([36, 132], [36, 68], true),
  'both transposed': product([33, 65], [129, 33], true, true),
  'a split sum': product([40, 301], [301, 36]),
  batches: product([2, 1, 33, 40], [3, 40, 37]),
  'fused with other ops': { shapes: [[70, 33], [33, 34], [34]], call: (a, b, row) => relu(add(matmul(a, b), row)) },
}; // prettier-ignore

const traced = ({ shapes, call }: Product, dtype: Float) => ({
  build: (inputs: Record<string, Tensor>) => call(inputs.in0, inputs.in1, inputs.in2),
  specs: Object.fromEntries(shapes.map((shape, i) => [`in${i}`, spec(shape, dtype)])),
});

/** The variants of a product that use matrix units. */
function variantsOn({ capabilities }: Device, { shapes, call }: Product, dtype: Float): string[] {
  const [a, b, row] = shapes.map((shape, i) => new Input(`in${i}`, spec(shape, dtype)));
  const names = topologicalOrder([call(a, b, row)]).flatMap((node) => variantNames(node, capabilities!));
  return names.filter((name) => name.startsWith('units'));
}

const compileVariant = (device: Device, one: Product, dtype: Float, variant?: string) => {
  const { build, specs } = traced(one, dtype);
  return compile(device, build, specs, {
    chooseVariant: (_op, variants) => variants.find(({ name }) => name === variant) ?? variants[0],
  });
};

test('matrix units are the first choice for f16 if one fits, with tiles that keep a GPU busy', async () => {
  const first = async (m: number, k: number, n: number, dtype: Float, capabilities: Partial<Capabilities>) => {
    const specs = { a: spec([m, k], dtype), b: spec([k, n], dtype) };
    const all = { software: false, maxComputeInvocationsPerWorkgroup: 1024, subgroupMaxSize: 32, ...capabilities };
    return kernelNames(await planOf(({ a, b }) => ({ y: matmul(a, b) }), specs, { capabilities: all }))[0];
  };
  const [nvidia, apple] = [{ subgroupMatrix: units.f16 }, { subgroupMatrix: [units.f32[1]] }];
  expect(await first(2048, 512, 2048, 'f16', nvidia)).toBe('matmul.units128');
  expect(await first(512, 64, 512, 'f16', nvidia)).toBe('matmul.units');
  expect(await first(256, 8192, 256, 'f16', nvidia)).toBe('matmul.unitsSplit');
  expect(await first(2048, 512, 2048, 'f16', apple)).toBe('matmul.units128');
  expect(await first(2048, 512, 2048, 'f32', apple)).toBe('matmul.tiled128');
  expect(await first(2048, 512, 2048, 'f32', nvidia)).toBe('matmul.tiled128');
  expect(await first(2048, 512, 2048, 'f16', {})).toBe('matmul.tiled128');
  expect(await first(16, 512, 2048, 'f16', nvidia)).toBe('matmul.split');
  expect(await first(512, 512, 512, 'f16', { ...nvidia, software: true })).toBe('matmul.register');
  // Not with f16 accumulators, unit sizes that do not divide a tile, or workgroups too small for the subgroups.
  expect(await first(512, 64, 512, 'f16', { subgroupMatrix: [{ ...units.f16[0], result: 'f16' }] })).toBe(
    'matmul.tiled',
  );
  expect(await first(512, 64, 512, 'f16', { subgroupMatrix: [unit('f16', 12, 12, 12)] })).toBe('matmul.tiled');
  expect(await first(512, 64, 512, 'f16', { ...nvidia, maxComputeInvocationsPerWorkgroup: 64 })).toBe('matmul.tiled');
});

describe.runIf(hasCompileOnlyDevice)('compiles', () => {
  test('with the feature name that devices are requested with', async () => {
    const { adapter } = await nodeAdapter({ source: 'null' });
    const gpu = await adapter.requestDevice({ requiredFeatures: [MATRIX_UNITS] });
    expect(await understandsMatrices(gpu)).toBe(true);
    gpu.destroy();
    const { adapter: another } = await nodeAdapter({ source: 'null' });
    const without = await another.requestDevice();
    expect(await understandsMatrices(without)).toBe(false);
    without.destroy();
  });

  test.for([...units.f16, ...units.f32])('for $component $M x $N x $K', async (one) => {
    for (const dtype of one.component === 'f16' ? (['f16'] as const) : (['f32', 'f16'] as const)) {
      const device = await compileOnlyDevice({ software: false, subgroupMaxSize: 32, subgroupMatrix: [one] });
      for (const [name, given] of Object.entries(products)) {
        const names = variantsOn(device, given, dtype);
        expect([name, names]).toEqual([name, expect.arrayContaining(['units'])]);
        for (const variant of names) (await compileVariant(device, given, dtype, variant)).dispose();
      }
    }
  });
});

/** Integers, whose products and sums are exact in f32, and in f16 where stored. */
const wholeNumbers = (shape: Shape): Values => ({ shape, dtype: 'f32', next: (random) => random.integer(7) - 3 });

interface Emulation extends EmulatedUnits {
  readonly dtype: Float;
  /** By default all. */
  readonly products?: readonly string[];
}

const some = ['odd', 'both transposed'];
/** Always run; the rest compiles for minutes on a software adapter. */
const quick: Emulation = { unit: units.f32[0], dtype: 'f32', products: runsAll ? undefined : some };
const emulations: Emulation[] = [
  quick,
  // Subgroups smaller than the device's maximum: some have no part of the tile.
  { unit: units.f32[0], dtype: 'f32', made: 16, products: some },
  { unit: units.f32[1], dtype: 'f32', products: some },
  { unit: units.f32[0], dtype: 'f16', products: some },
  ...units.f16.slice(0, 3).map((one): Emulation => ({ unit: one, dtype: 'f16' })),
  { unit: units.f16[4], dtype: 'f16', products: some },
];

/** The problems of a product on emulated units; in a quick run with only one variant, chosen by `turn`. */
async function problemsOf(device: Device, name: string, dtype: Float, turn: number): Promise<string[]> {
  const one = products[name];
  const values = inputsOf({ name, inputs: one.shapes.map(wholeNumbers), call: () => [] }, dtype);
  const inputs = Object.fromEntries(values.map(({ data }, i): [string, TypedArray] => [`in${i}`, data]));
  const expected = await (await compileVariant(new CpuDevice(), one, dtype)).run(inputs);
  const problems: string[] = [];
  const variants = variantsOn(device, one, dtype);
  for (const variant of runsAll ? variants : [variants[turn % variants.length]]) {
    const program = await compileVariant(device, one, dtype, variant);
    const { problem } = deviation(await program.run(inputs), expected, { absolute: 0, relative: 0 });
    if (problem) problems.push(`${name}, ${variant}: ${problem}`);
    program.dispose();
  }
  return problems;
}

test.for(emulations)(
  'computes $dtype on emulated units of $unit.component, $unit.M x $unit.N x $unit.K',
  { timeout: 1_800_000 },
  async (emulation, { skip }) => {
    const gpu = await testGpu();
    skip(!runsAll && emulation !== quick, 'left out of a quick run');
    skip(emulation.dtype === 'f16' && !gpu.capabilities!.f16, 'this GPU has no f16');
    const device = withEmulatedUnits(gpu, emulation);
    const found: string[] = [];
    for (const [turn, name] of (emulation.products ?? Object.keys(products)).entries()) {
      found.push(...(await problemsOf(device, name, emulation.dtype, turn)));
    }
    expect(found).toEqual([]);
  },
);
