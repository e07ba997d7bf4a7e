// The Fréchet distance between two sets of feature vectors, a metric for generators.

// ml-matrix for eigenvalues: maintained, typed, and runs in browsers.
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Mean `[d]` and covariance `[d, d]` of vectors, added in batches. */
export class Moments {
  readonly size: number;
  #count = 0;
  readonly #sums: Float64Array;
  /** Sums of products; only the upper triangle is used. */
  readonly #products: Float64Array;

  /** @param size the vectors' dimension d. */
  constructor(size: number) {
    this.size = size;
    this.#sums = new Float64Array(size);
    this.#products = new Float64Array(size * size);
  }

  /** Number of vectors added. */
  get count(): number {
    return this.#count;
  }

  /** Adds the first `count` of `vectors` `[n, d]`. */
  add(vectors: ArrayLike<number>, count = vectors.length / this.size): void {
    const { size } = this;
    const used: number[] = [];
    for (let row = 0; row < count; row++) {
      // Skip zeros, which are common in images and activations.
      used.length = 0;
      for (let i = 0; i < size; i++) if (vectors[row * size + i] !== 0) used.push(i);
      for (let at = 0; at < used.length; at++) {
        const i = used[at];
        const value = vectors[row * size + i];
        this.#sums[i] += value;
        for (let to = at; to < used.length; to++) {
          this.#products[i * size + used[to]] += value * vectors[row * size + used[to]];
        }
      }
    }
    this.#count += count;
  }

  mean(): Float64Array {
    return this.#sums.map((sum) => sum / this.#count);
  }

  /** The unbiased covariance (divided by n - 1). */
  covariance(): Matrix {
    const { size } = this;
    const mean = this.mean();
    const result = Matrix.zeros(size, size);
    for (let i = 0; i < size; i++) {
      for (let j = i; j < size; j++) {
        const value = (this.#products[i * size + j] - this.#count * mean[i] * mean[j]) / (this.#count - 1);
        result.set(i, j, value);
        result.set(j, i, value);
      }
    }
    return result;
  }
}

/**
 * The Fréchet distance between two Gaussians with these moments, |μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½): M. Heusel et al.,
 * "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017. 0 for equal moments.
 * @throws an Error for vectors of different dimensions, or fewer than two vectors.
 */
export function frechetDistance(a: Moments, b: Moments): number {
  if (a.size !== b.size) throw new Error(`frechetDistance: the dimensions ${a.size} and ${b.size} differ.`);
  if (a.count < 2 || b.count < 2) throw new Error('frechetDistance: each set needs at least two vectors.');
  const [meanA, meanB] = [a.mean(), b.mean()];
  const [covarianceA, covarianceB] = [a.covariance(), b.covariance()];
  const between = meanA.reduce((sum, value, i) => sum + (value - meanB[i]) ** 2, 0);
  // (C₁ C₂)^½ has the same trace as (C₁^½ C₂ C₁^½)^½, which is symmetric.
  const root = squareRoot(covarianceA);
  const inner = root.mmul(covarianceB).mmul(root);
  const { realEigenvalues } = new EigenvalueDecomposition(inner, { assumeSymmetric: true });
  const overlap = realEigenvalues.reduce((sum, value) => sum + Math.sqrt(Math.max(value, 0)), 0);
  // Rounding may give slightly less than 0 for equal sets.
  return Math.max(0, between + covarianceA.trace() + covarianceB.trace() - 2 * overlap);
}

function squareRoot(symmetric: Matrix): Matrix {
  const { eigenvectorMatrix: vectors, realEigenvalues } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true }); // prettier-ignore
  const roots = Matrix.diag(realEigenvalues.map((value) => Math.sqrt(Math.max(value, 0))));
  return vectors.mmul(roots).mmul(vectors.transpose());
}
