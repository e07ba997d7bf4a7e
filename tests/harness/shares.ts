// Compares the frequencies of drawn numbers with their probabilities.

import { expect } from 'vitest';

/** The fraction of `values` that match. */
export function shareOf(values: ArrayLike<number>, fits: (value: number, at: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) count += Number(fits(values[i], i));
  return count / values.length;
}

/** Expects a fraction `shares[i]` of `values` to be i, within five standard deviations, and no other values. */
export function expectShares(values: ArrayLike<number>, shares: readonly number[]): void {
  shares.forEach((share, i) => {
    const deviation = Math.sqrt((share * (1 - share)) / values.length);
    const found = shareOf(values, (value) => value === i);
    expect({ i, share, found, off: Math.abs(found - share) > 5 * deviation }).toEqual({ i, share, found, off: false });
  });
  expect(shareOf(values, (value) => Number.isInteger(value) && value >= 0 && value < shares.length)).toBe(1);
}
