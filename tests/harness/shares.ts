// Checks how often numbers were drawn against how often they should be.

import { expect } from 'vitest';

/** The share of `values` that fit. */
export function shareOf(values: ArrayLike<number>, fits: (value: number, at: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) count += Number(fits(values[i], i));
  return count / values.length;
}

/** Expects value i in `shares[i]` of `values`, within five standard deviations, and no value besides. */
export function expectShares(values: ArrayLike<number>, shares: readonly number[]): void {
  shares.forEach((share, i) => {
    const deviation = Math.sqrt((share * (1 - share)) / values.length);
    const found = shareOf(values, (value) => value === i);
    expect({ i, share, found, off: Math.abs(found - share) > 5 * deviation }).toEqual({ i, share, found, off: false });
  });
  expect(shareOf(values, (value) => Number.isInteger(value) && value >= 0 && value < shares.length)).toBe(1);
}
