// A quantized layer: as near to the layer it was made from as its scales allow.

import { expect, test } from 'vitest';
import { compile, CpuDevice, Linear, manualSeed, QuantizedLinear, quantize, spec } from '../../src/node.ts';

test.each([
  [8, 0.02],
  [4, 0.3],
] as const)('%i bits stay near the layer', async (bits, most) => {
  manualSeed(0);
  const layer = new Linear(64, 5);
  const quantized = await QuantizedLinear.from(layer, { bits, group: 16 });
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

test('quantize refuses groups that do not divide the rows', () => {
  const weight = { dtype: 'f32', shape: [2, 24], data: new Float32Array(48) } as const;
  expect(() => quantize(weight, { bits: 4, group: 16 })).toThrow('groups of 16 do not fit rows of 24');
});
