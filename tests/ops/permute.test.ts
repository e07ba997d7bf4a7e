// permute copies only if values move in memory.

import { expect, test } from 'vitest';
import { spec } from '../../src/core/tensor.ts';
import { add, permute } from '../../src/ops/index.ts';
import { kernelNames, planOf } from '../runtime/plan-of.ts';

test.each([
  { shape: [1, 3, 12, 64], order: [1, 2, 0, 3], copies: 0 },
  { shape: [4, 1, 5, 1], order: [3, 0, 1, 2], copies: 0 },
  { shape: [2, 1, 3], order: [1, 2, 0], copies: 1 },
])('$shape by $order: $copies copies', async ({ shape, order, copies }) => {
  const plan = await planOf(({ x }) => ({ y: add(permute(add(x, 1), order), 1) }), { x: spec(shape) });
  expect(kernelNames(plan).filter((name) => name.startsWith('permute'))).toHaveLength(copies);
});
