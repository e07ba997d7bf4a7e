// f16 as bits: round trips of every value, and rounding.

import { expect, test } from 'vitest';
import { fromFloat16, fromFloat16Array, toFloat16, toFloat16Array } from '../../src/core/float16.ts';

test('every f16 value survives a round trip', () => {
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
  ['rounds to the nearest', 1 + 0.6 * 2 ** -10, 0x3c01],
  ['halfway, rounds down to even', 1 + 0.5 * 2 ** -10, 0x3c00],
  ['halfway, rounds up to even', 1 + 1.5 * 2 ** -10, 0x3c02],
  ['rounds up to the next power of two', 2 - 2 ** -12, 0x4000],
  ['rounds a subnormal number up to a normal one', 2 ** -14 - 2 ** -26, 0x0400],
  ['rounds half of the smallest number to 0', 2 ** -25, 0x0000],
  ['the largest that stays finite', 65519, 0x7bff],
  ['the smallest that overflows', 65520, 0x7c00],
  ['overflows to -Infinity', -1e9, 0xfc00],
])('%s', (_, value, bits) => {
  expect(toFloat16(value)).toBe(bits);
});

test('arrays are rounded like single numbers', () => {
  // All exponents and signs, with fractions at, beside and between f16 values.
  const words: number[] = [];
  for (let exponent = 0; exponent < 512; exponent++) {
    for (const fraction of [
      0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x3000, 0x2fff, 0x3001, 0x400000, 0x5a5a5a, 0x7fefff, 0x7ff000,
      0x7fffff,
    ]) {
      words.push(exponent * 2 ** 23 + fraction);
    }
  }
  const values = new Float32Array(Uint32Array.from(words).buffer);
  const halves = toFloat16Array(values);
  values.forEach((value, i) => {
    if (halves[i] !== toFloat16(value)) expect([value, halves[i]]).toEqual([value, toFloat16(value)]);
  });
  expect(toFloat16Array(Float64Array.of(1 + 2 ** -11 + 2 ** -30))).toEqual(Uint16Array.of(0x3c01));
  const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
  expect(fromFloat16Array(all)).toEqual(Float32Array.from(all, fromFloat16));
});
