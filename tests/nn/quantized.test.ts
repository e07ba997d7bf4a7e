// Quantized layers: as close to the original layers as their scales allow.

import { expect, test } from 'vitest';
import {
  compile,
  CpuDevice,
  Embedding,
  Linear,
  manualSeed,
  QuantizedEmbedding,
  QuantizedLinear,
  quantize,
  spec,
} from '../../src/node.ts';

test.each([
  [8, 0.02, false],
  [4, 0.3, false],
  [8, 0.02, true],
  [4, 0.3, true],
] as const)('%i bits stay near the layer', async (bits, most, asymmetric) => {
  manualSeed(0);
  const layer = new Linear(64, 5);
  const quantized = await QuantizedLinear.from(layer, { bits, group: 16, asymmetric });
  const build = ({ x }: Record<string, Parameters<Linear['forward']>[0]>) => ({
    exact: layer.forward(x),
    near: quantized.forward(x),
  });
  using program = await compile(new CpuDevice(), build, { x: spec([3, 64]) });
  const { exact, near } = await program.run({ x: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)) });
  const worst = Math.max(...Array.from(exact.data, (value, i) => Math.abs(value - near.data[i])));
  expect(worst).toBeGreaterThan(0);
  expect(worst).toBeLessThan(most);
});

test.each([
  [4, false],
  [8, false],
  [4, true],
  [8, true],
] as const)('a table of %i bits is off by half a scale at most', async (bits, asymmetric) => {
  manualSeed(0);
  const table = new Embedding(7, 32);
  const quantized = await QuantizedEmbedding.from(table, { bits, group: 16, asymmetric });
  const names = ['packed', 'scales', ...(asymmetric ? ['zeros'] : [])];
  expect([...quantized.namedBuffers().keys()]).toEqual(names);
  const build = ({ ids }: Record<string, Parameters<Embedding['forward']>[0]>) => ({
    exact: table.forward(ids),
    near: quantized.forward(ids),
  });
  using program = await compile(new CpuDevice(), build, { ids: spec([2, 2], 'i32') });
  const ids = Int32Array.of(6, 0, 3, 6);
  const { exact, near } = await program.run({ ids });
  const { data: scales } = await quantized.scales.read();
  const half = Array.from(exact.data, (_, i) => scales[ids[Math.floor(i / 32)] * 2 + Math.floor((i % 32) / 16)] / 2); // prettier-ignore
  expect(exact.data.every((value, i) => Math.abs(value - near.data[i]) <= half[i] * (1 + 1e-5))).toBe(true);
  expect(near.shape).toEqual([2, 2, 32]);
});

test('quantize rejects a group size that does not divide the rows', () => {
  const weight = { dtype: 'f32', shape: [2, 24], data: new Float32Array(48) } as const;
  expect(() => quantize(weight, { bits: 4, group: 16 })).toThrow('groups of 16 do not fit rows of 24');
});
