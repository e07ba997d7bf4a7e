// Normalization layers: two training steps and an inference step against PyTorch, state, and wrong use.

import { describe, expect, test } from 'vitest';
import {
  add, BatchNorm1d, BatchNorm2d, compile, Conv2d, CpuDevice, GroupNorm, InstanceNorm2d, LayerNorm, Linear,
  LocalResponseNorm, RMSNorm, spec, spectralNorm, weightNorm, withTraining, type Device, type Layer, type Module, type TensorData,
} from '../../src/node.ts'; // prettier-ignore
import { units } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { readFixture } from '../harness/fixtures.ts';

const { tensors, cases } = readFixture('normLayers');
const make: Record<string, () => Layer> = {
  batchNorm2d: () => new BatchNorm2d(3, { momentum: 0.3 }),
  batchNorm1d: () => new BatchNorm1d(5, { momentum: null }),
  spectralNorm: () => spectralNorm(new Linear(5, 4)),
  spectralNormConv: () => spectralNorm(new Conv2d(2, 3, 3), { iterations: 2 }),
  weightNorm: () => weightNorm(new Linear(5, 4)),
};

/** The tensors with a prefix, by the rest of their names. */
const part = (prefix: string): Map<string, TensorData> =>
  new Map(
    [...tensors].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  );

/** The fixture's values of a case: outputs y0, y1 (training), y2 (inference), and the final state. */
async function replay(device: Device, name: string): Promise<Map<string, TensorData>> {
  const layer = make[name]();
  layer.loadStateDict(new Map([...(await layer.stateDict()), ...part(`${name}/before/`)]));
  const found = new Map<string, TensorData>();
  for (const step of ['0', '1', '2']) {
    const { shape, data } = tensors.get(`${name}/x${step}`)!;
    using program = await compile(device, ({ x }) => layer.forward(x), { x: spec(shape) }, { training: step !== '2' });
    found.set(`${name}/y${step}`, await program.run({ x: data }));
  }
  for (const [key, value] of await layer.stateDict()) found.set(`${name}/after/${key}`, value);
  return found;
}

describe.each(['cpu', 'gpu'] as const)('on the %s', (kind) => {
  const open = async () => (kind === 'cpu' ? new CpuDevice() : testGpu());

  test.each(cases.map(({ name }) => name))('%s matches PyTorch', async (name) => {
    const found = await replay(await open(), name);
    const problems = [...found].flatMap(([key, value]) => {
      if (key.endsWith('num_batches_tracked')) return value.data[0] === 2 ? [] : [`${key}: ${value.data[0]}`];
      // Measured 3.1.
      const problem = difference(`normLayers ${kind}`, value, tensors.get(key)!, units(12));
      return problem ? [`${key}: ${problem}`] : [];
    });
    expect(problems).toEqual([]);
    expect([...found.keys()].filter((key) => key.includes('/after/')).length).toBeGreaterThan(1);
  });

  test('a layer called twice in one program updates its statistics twice', async () => {
    const layer = new BatchNorm1d(2, { momentum: 0.5 });
    using program = await compile(
      await open(),
      ({ a, b }) => add(layer.forward(a), layer.forward(b)),
      { a: spec([2, 2]), b: spec([2, 2]) },
      { training: true },
    );
    await program.run({ a: Float32Array.of(0, 4, 2, 8), b: Float32Array.of(5, 1, 7, 3) });
    const state = await layer.stateDict();
    expect([...state.get('running_mean')!.data]).toEqual([0.25 * 1 + 0.5 * 6, 0.25 * 6 + 0.5 * 2]);
    expect([...state.get('running_var')!.data]).toEqual([0.25 + 0.25 * 2 + 0.5 * 2, 0.25 + 0.25 * 8 + 0.5 * 2]);
    expect([...state.get('num_batches_tracked')!.data]).toEqual([2]);
  });
});

test('names and shapes are PyTorch’s, and only weights are trained', () => {
  const shapes = (layer: Module) => Object.fromEntries([...layer.state()].map(([name, { shape }]) => [name, shape]));
  expect(shapes(new LayerNorm([3, 4]))).toEqual({ weight: [3, 4], bias: [3, 4] });
  expect(shapes(new LayerNorm(5, { bias: false }))).toEqual({ weight: [5] });
  expect(shapes(new LayerNorm(5, { affine: false }))).toEqual({});
  expect(shapes(new RMSNorm(5))).toEqual({ weight: [5] });
  expect(shapes(new GroupNorm(2, 6))).toEqual({ weight: [6], bias: [6] });
  expect(shapes(new InstanceNorm2d(6))).toEqual({});
  expect(shapes(new InstanceNorm2d(6, { affine: true }))).toEqual({ weight: [6], bias: [6] });
  const batchNorm = new BatchNorm2d(6);
  expect(shapes(batchNorm)).toEqual({
    weight: [6], bias: [6], running_mean: [6], running_var: [6], num_batches_tracked: [],
  }); // prettier-ignore
  expect(batchNorm.parameters()).toEqual([batchNorm.weight, batchNorm.bias]);
  expect(shapes(new BatchNorm2d(6, { affine: false, trackRunningStats: false }))).toEqual({});
  const conv = spectralNorm(new Conv2d(2, 4, 3));
  expect(shapes(conv)).toEqual({ bias: [4], weight_orig: [4, 2, 3, 3], weight_u: [4], weight_v: [18] });
  expect(conv.parameters().map(({ shape }) => shape)).toEqual([[4], [4, 2, 3, 3]]);
  expect(shapes(weightNorm(new Linear(5, 4)))).toEqual({ bias: [4], weight_g: [4, 1], weight_v: [4, 5] });
});

test('layers without state equal their functions', async () => {
  const [layers, x] = [
    {
      layer: new LayerNorm([2, 2]),
      rms: new RMSNorm(2, { epsilon: 1e-5 }),
      group: new GroupNorm(1, 2),
      instance: new InstanceNorm2d(2),
      local: new LocalResponseNorm(1, { alpha: 1, beta: 1, k: 0 }),
    },
    Float32Array.of(3, -3, 3, -3, 1, -1, 1, -1),
  ];
  using program = await compile(
    new CpuDevice(),
    (inputs) => Object.fromEntries(Object.entries(layers).map(([name, layer]) => [name, layer.forward(inputs.x)])),
    { x: spec([1, 2, 2, 2]) },
  );
  const found = Object.entries(await program.run({ x })).map(([name, { data }]) => [
    name,
    [...data].map((y) => +y.toFixed(3)),
  ]);
  const signs = [1, -1, 1, -1, 1, -1, 1, -1];
  const third = [0.333, -0.333, 0.333, -0.333, 1, -1, 1, -1];
  expect(Object.fromEntries(found)).toEqual({
    layer: signs, rms: signs, group: [1.342, -1.342, 1.342, -1.342, 0.447, -0.447, 0.447, -0.447], instance: signs, local: third,
  }); // prettier-ignore
});

test('wrong use is an error', () => {
  const x = (...shape: number[]) => Object.assign(new Linear(1, 1).weight, { shape });
  expect(() => new BatchNorm2d(3).forward(x(2, 3))).toThrow('BatchNorm2d: takes 4 axes, but was given [2, 3]');
  expect(() => new BatchNorm1d(3).forward(x(2, 3, 4, 5))).toThrow('BatchNorm1d: takes 2 or 3 axes');
  expect(() => withTraining(true, () => new BatchNorm1d(3).forward(x(2, 3)))).toThrow(
    'works only inside a function that is being compiled',
  );
  expect(() => weightNorm(spectralNorm(new Linear(2, 2)))).toThrow(
    'weightNorm: the weight of Linear is not a parameter',
  );
});
