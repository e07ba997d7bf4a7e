// Random numbers: threefry's published test vectors, and the sequences drawn from it.

import { describe, expect, test } from 'vitest';
import { RandomSource, threefry2x32, unitFloat } from '../../src/core/random.ts';

// From Random123's kat_vectors: "threefry 2x32 20".
test.each([
  ['zeros', [0, 0, 0, 0], [0x6b200159, 0x99ba4efe]],
  ['ones', [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
  ['digits of π', [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]],
] as const)('threefry gives its published answer for %s', (_, [k0, k1, c0, c1], expected) => {
  expect(threefry2x32(k0, k1, c0, c1)).toEqual(expected);
});

test('a word becomes a 24-bit number in [0, 1), exact in f32', () => {
  expect([0, 0xff, 0x100, 0x80000000].map(unitFloat)).toEqual([0, 0, 2 ** -24, 0.5]);
  const largest = unitFloat(0xffffffff);
  expect([largest, Math.fround(largest)]).toEqual([1 - 2 ** -24, 1 - 2 ** -24]);
});

describe('RandomSource', () => {
  const words = (...key: [number, number?]) => {
    const source = new RandomSource(...key);
    return Array.from({ length: 8 }, () => source.word());
  };

  test('is reproducible, and differs by seed and stream', () => {
    expect(words(1, 2)).toEqual(words(1, 2));
    const all = [words(0), words(1), words(0, 1), words(1, 1), words(1, 0xffffffff)].flat();
    expect(new Set(all).size).toBe(all.length);
    expect(words(5)).toEqual(words(5, 0));
  });

  test('draws both words of every counter, in order', () => {
    expect(words(3, 4)).toEqual([0, 1, 2, 3].flatMap((counter) => threefry2x32(3, 4, counter, 0)));
  });

  test('uniform covers its range evenly', () => {
    const source = new RandomSource(9);
    const values = Array.from({ length: 10_000 }, () => source.uniform(-2, 3));
    expect(values.filter((value) => !(value >= -2 && value < 3))).toEqual([]);
    const tenths = new Array<number>(10).fill(0);
    for (const value of values) tenths[Math.floor((value + 2) * 2)]++;
    // Expected 1,000 each, with a standard deviation of 30.
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  test('integer takes every value below its bound and no other', () => {
    const source = new RandomSource(4);
    const seen = new Set(Array.from({ length: 200 }, () => source.integer(7)));
    expect([...seen].toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('normal has mean 0, variance 1 and normal tails', () => {
    const source = new RandomSource(11);
    const values = Array.from({ length: 10_000 }, () => source.normal());
    const mean = (of: (x: number) => number) => values.reduce((sum, x) => sum + of(x), 0) / values.length;
    expect(Math.abs(mean((x) => x))).toBeLessThan(0.04);
    expect(Math.abs(mean((x) => x * x) - 1)).toBeLessThan(0.06);
    expect(Math.abs(mean((x) => Number(Math.abs(x) > 2)) - 0.0455)).toBeLessThan(0.01);
  });

  test('permutation has every number once, in a random order', () => {
    const source = new RandomSource(2);
    const [first, second] = [source.permutation(1000), source.permutation(1000)];
    const ordered = Uint32Array.from({ length: 1000 }, (_, i) => i);
    for (const order of [first, second]) {
      expect(order.toSorted()).toEqual(ordered);
      expect(order).not.toEqual(ordered);
    }
    expect(first).not.toEqual(second);
    expect(new RandomSource(2).permutation(1000)).toEqual(first);
    expect([source.permutation(0), source.permutation(1)]).toEqual([new Uint32Array(0), Uint32Array.of(0)]);
  });

  test('all permutations of three are equally frequent', () => {
    const source = new RandomSource(6);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = source.permutation(3).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Expected 1,000 each, with a standard deviation of 29.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(116);
  });
});
