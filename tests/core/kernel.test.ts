// Grids that are folded when they exceed the limit of one dispatch axis.

import { expect, test } from 'vitest';
import { linearGrid, MAX_WORKGROUPS } from '../../src/core/kernel.ts';

test.each([0, 1, 63, 64, 65, 4096])('%d threads fit in x', (threads) => {
  expect(linearGrid(threads, 64)).toEqual([Math.max(1, Math.ceil(threads / 64)), 1, 1]);
});

test.each([MAX_WORKGROUPS, MAX_WORKGROUPS + 1, 2 * MAX_WORKGROUPS + 1, 10_000_019])(
  '%d workgroups are covered within the limit, with few extra ones',
  (groups) => {
    for (const threads of [groups * 64, groups * 64 - 63]) {
      const [x, y, z] = linearGrid(threads, 64);
      expect(z).toBe(1);
      expect(Math.max(x, y)).toBeLessThanOrEqual(MAX_WORKGROUPS);
      expect(x * y).toBeGreaterThanOrEqual(groups);
      expect(x * y - groups).toBeLessThan(y);
    }
  },
);
