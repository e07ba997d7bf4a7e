// Fréchet distance against closed forms, and Gaussian classes whose samples match the fitted moments.

import { expect, test } from 'vitest';
import { RandomSource } from '../../src/core/random.ts';
import { frechetDistance, Moments } from '../../src/metrics/frechet.ts';
import { GaussianClasses } from '../../src/metrics/gaussian-classes.ts';

const momentsOf = (size: number, vectors: readonly number[]): Moments => {
  const moments = new Moments(size);
  moments.add(vectors);
  return moments;
};

/** `count` vectors of independent components with these means and standard deviations. */
function independent(count: number, means: readonly number[], deviations: readonly number[], seed: number): number[] {
  const random = new RandomSource(seed);
  return Array.from({ length: count }, () => means.map((mean, i) => mean + deviations[i] * random.normal())).flat();
}

test('moments are those of the sample, however it is batched', () => {
  const vectors = [1, 2, 3, 0, 5, 10];
  const whole = momentsOf(2, vectors);
  const parts = momentsOf(2, vectors.slice(0, 2));
  parts.add([...vectors.slice(2), 99, 99], 2);
  for (const moments of [whole, parts]) {
    expect(moments.count).toBe(3);
    expect([...moments.mean()]).toEqual([3, 4]);
    expect(moments.covariance().to2DArray()).toEqual([
      [4, 8],
      [8, 28],
    ]);
  }
});

test('the distance of Gaussians with independent components follows the closed form', () => {
  // For diagonal covariances: Σ (μ₁ - μ₂)² + (σ₁ - σ₂)².
  const a = momentsOf(3, independent(20_000, [0, 1, 2], [1, 2, 0.5], 1));
  const b = momentsOf(3, independent(20_000, [1, 1, 4], [1, 1, 2], 2));
  expect(frechetDistance(a, b)).toBeCloseTo(1 + 0 + 4 + 0 + 1 + 2.25, 0);
  expect(frechetDistance(a, a)).toBeLessThan(1e-9);
  expect(frechetDistance(a, b)).toBeCloseTo(frechetDistance(b, a), 9);
});

test('opposite correlations have a distance although all variances are equal', () => {
  const a = momentsOf(2, [1, 1, -1, -1, 0, 0]);
  const b = momentsOf(2, [1, -1, -1, 1, 0, 0]);
  // C₁ C₂ = 0, so the distance is the sum of all variances.
  expect(frechetDistance(a, b)).toBeCloseTo(4, 6);
});

test('different dimensions and single vectors are errors', () => {
  expect(() => frechetDistance(new Moments(2), new Moments(3))).toThrow('the dimensions 2 and 3 differ');
  expect(() => frechetDistance(momentsOf(1, [1]), momentsOf(1, [1, 2]))).toThrow('at least two vectors');
});

test('samples have the moments of the fitted classes', () => {
  const [first, second] = [independent(3000, [5, 0, 0], [1, 0.1, 0], 3), independent(3000, [0, 5, 0], [0.1, 2, 0], 4)];
  const vectors = Float32Array.from([...first, ...second]);
  const labels = Array.from({ length: 6000 }, (_, i) => Number(i >= 3000));
  const model = GaussianClasses.fit({ vectors, size: 3, labels, classes: 2 }, 2);
  const samples = model.sample(8000, new RandomSource(5));
  for (const [label, original] of [first, second].entries()) {
    const drawn = [...samples].filter((_, i) => Math.floor(i / 3) % 2 === label);
    expect(frechetDistance(momentsOf(3, drawn), momentsOf(3, original))).toBeLessThan(0.01);
  }
  expect(() => GaussianClasses.fit({ vectors, size: 3, labels, classes: 3 }, 2)).toThrow(/class 2 has 0 vectors/);
});
