// Embedding: PyTorch's initial values, and the padding row.

import { expect, test } from 'vitest';
import { compile, CpuDevice, Embedding, grad, manualSeed, spec, sum } from '../../src/node.ts';

test('is initialized with a normal distribution, and the padding row with zeros', () => {
  manualSeed(0);
  const { weight } = new Embedding(200, 50, { paddingIdx: -1 });
  const values = Array.from(weight.hostValues.subarray(0, 199 * 50));
  const mean = values.reduce((total, x) => total + x, 0) / values.length;
  const variance = values.reduce((total, x) => total + x * x, 0) / values.length;
  // Within four standard deviations of each.
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(values.length));
  expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / values.length));
  expect([...weight.hostValues.subarray(199 * 50)]).toEqual(new Array(50).fill(0));
});

test('its gradient counts the uses of a row, except the padding row', async () => {
  const layer = new Embedding(4, 2, { paddingIdx: 0 });
  const build = ({ ids }: Record<string, Parameters<Embedding['forward']>[0]>) => {
    const y = layer.forward(ids);
    return { y, gradient: grad(sum(y), [layer.weight])[0] };
  };
  using program = await compile(new CpuDevice(), build, { ids: spec([2, 3], 'i32') });
  const { y, gradient } = await program.run({ ids: Int32Array.of(0, 1, 1, 3, 1, 0) });
  expect(y.shape).toEqual([2, 3, 2]);
  expect([...gradient.data]).toEqual([0, 0, 3, 3, 0, 0, 1, 1]);
});
