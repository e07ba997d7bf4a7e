// MultiheadAttention: PyTorch's parameters, initial values and outputs.

import { expect, test } from 'vitest';
import { compile, CpuDevice, manualSeed, MultiheadAttention, spec, type Tensor } from '../../src/node.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { readFixture } from '../harness/fixtures.ts';

const { tensors, cases } = readFixture('multihead');

test.each(cases.map(({ name, attrs }) => [name, attrs] as const))('%s matches PyTorch', async (name, attrs) => {
  const layer = new MultiheadAttention(6, 2, attrs);
  const prefix = `${name}/state/`;
  const state = [...tensors].filter(([key]) => key.startsWith(prefix));
  layer.loadStateDict(new Map(state.map(([key, value]) => [key.slice(prefix.length), value])));
  const given = ['x', 'key', 'mask', 'padding'].filter((key) => tensors.has(`${name}/${key}`));
  const values = Object.fromEntries(given.map((key) => [key, tensors.get(`${name}/${key}`)!]));
  const build = ({ x, key, mask, padding }: Record<string, Tensor>) =>
    layer.forward(x, name === 'cross' ? key : x, undefined, { attnMask: mask, keyPaddingMask: padding });
  for (const device of [new CpuDevice(), await testGpu()]) {
    const specs = Object.fromEntries(
      Object.entries(values).map(([key, { shape, dtype }]) => [key, spec(shape, dtype)]),
    );
    using program = await compile(device, build, specs);
    const inputs = Object.fromEntries(Object.entries(values).map(([key, { data }]) => [key, data]));
    const result = await program.run(inputs);
    // Projections are rounded before and after attention.
    const tolerance = toleranceOf('scaledDotProductAttention', 'gpu', 'output');
    expect(difference('MultiheadAttention', result, tensors.get(`${name}/out`)!, tolerance)).toBe(null);
  }
});

test('has PyTorch’s parameters and initial values', () => {
  manualSeed(0);
  const layer = new MultiheadAttention(32, 4);
  const shapes = Object.fromEntries([...layer.namedParameters()].map(([name, { shape }]) => [name, shape]));
  expect(shapes).toEqual({
    in_proj_weight: [96, 32],
    in_proj_bias: [96],
    'out_proj.weight': [32, 32],
    'out_proj.bias': [32],
  });
  const largest = Math.max(...Array.from(layer.in_proj_weight.hostValues, Math.abs));
  const bound = Math.sqrt(6 / 128);
  expect(largest).toBeGreaterThan(0.99 * bound);
  expect(largest).toBeLessThanOrEqual(Math.fround(bound));
  expect([...layer.out_proj.bias!.hostValues, ...layer.in_proj_bias!.hostValues].every((value) => value === 0)).toBe(true); // prettier-ignore
  expect(() => new MultiheadAttention(5, 2)).toThrow('embedDim 5 must be divisible by the number of heads, 2');
});
