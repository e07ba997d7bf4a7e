// f16 as bits: every number there and back, and what is rounded.

import { expect, test } from 'vitest';
import { fromFloat16, toFloat16 } from '../../src/core/float16.ts';

test('every f16 comes back from its number', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromFloat16(bits);
    if (Number.isNaN(value)) expect(fromFloat16(toFloat16(value))).toBeNaN();
    else if (toFloat16(value) !== bits) expect([bits, toFloat16(value)]).toEqual([bits, bits]);
  }
});

test.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [Infinity, 0x7c00],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [0.1, 0x2e66],
  [1 / 3, 0x3555],
])('%d is 0x%s', (value, bits) => {
  expect(toFloat16(value)).toBe(bits);
});

test.each([
  ['between two, the nearer', 1 + 0.6 * 2 ** -10, 0x3c01],
  ['halfway, the even one below', 1 + 0.5 * 2 ** -10, 0x3c00],
  ['halfway, the even one above', 1 + 1.5 * 2 ** -10, 0x3c02],
  ['up to the next power of two', 2 - 2 ** -12, 0x4000],
  ['a subnormal number up to a normal one', 2 ** -14 - 2 ** -26, 0x0400],
  ['half of the smallest, to 0', 2 ** -25, 0x0000],
  ['the last that is finite', 65519, 0x7bff],
  ['the first that is not', 65520, 0x7c00],
  ['far below', -1e9, 0xfc00],
])('%s', (_, value, bits) => {
  expect(toFloat16(value)).toBe(bits);
});
