// The baseline for generators of labelled images: a Gaussian per class in the space of the first principal components.

// ml-matrix for decompositions: maintained, typed, and runs in browsers.
import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { RandomSource } from '../core/random.ts';
import { Moments } from './frechet.ts';

/** Added to variances, which are 0 if a component is constant within a class. */
const LEAST_VARIANCE = 1e-8;

/** Labelled vectors. */
export interface LabelledVectors {
  /** `[n, size]`. */
  readonly vectors: Float32Array;
  readonly size: number;
  /** `[n]`, from 0. */
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

interface Gaussian {
  /** `[k]`. */
  readonly mean: Float64Array;
  /** The Cholesky factor of the covariance, lower triangular `[k, k]`. */
  readonly factor: Matrix;
}

/** One Gaussian per class; samples cycle through the classes. */
export class GaussianClasses {
  readonly #mean: Float64Array;
  /** `[k][size]`: the principal components. */
  readonly #components: readonly Float64Array[];
  readonly #classes: readonly Gaussian[];

  private constructor(mean: Float64Array, components: readonly Float64Array[], classes: readonly Gaussian[]) {
    this.#mean = mean;
    this.#components = components;
    this.#classes = classes;
  }

  /** Fits `components` principal components of all vectors, and a Gaussian per class in their space. */
  static fit({ vectors, size, labels, classes }: LabelledVectors, components: number): GaussianClasses {
    const all = new Moments(size);
    all.add(vectors);
    const mean = all.mean();
    const { eigenvectorMatrix } = new EigenvalueDecomposition(all.covariance(), { assumeSymmetric: true });
    // The largest eigenvalues come last.
    const axes = Array.from({ length: components }, (_, k) =>
      Float64Array.from(eigenvectorMatrix.getColumn(size - 1 - k)),
    );
    const offsets = axes.map((axis) => dot(axis, mean, 0, size));
    const moments = Array.from({ length: classes }, () => new Moments(components));
    for (let row = 0; row < labels.length; row++) {
      const place = axes.map((axis, k) => dot(axis, vectors, row * size, size) - offsets[k]);
      moments[labels[row]].add(place, 1);
    }
    const gaussians = moments.map((one, label) => {
      if (one.count < 2)
        throw new Error(`GaussianClasses: class ${label} has ${one.count} vectors, but needs at least two.`);
      const covariance = one.covariance().add(Matrix.identity(components, components).mul(LEAST_VARIANCE));
      return { mean: one.mean(), factor: new CholeskyDecomposition(covariance).lowerTriangularMatrix };
    });
    return new GaussianClasses(mean, axes, gaussians);
  }

  /** `count` vectors `[count, size]`, cycling through the classes. */
  sample(count: number, random: RandomSource): Float32Array {
    const size = this.#mean.length;
    const result = new Float32Array(count * size);
    const sum = new Float64Array(size);
    for (let row = 0; row < count; row++) {
      const { mean, factor } = this.#classes[row % this.#classes.length];
      const noise = Float64Array.from(mean, () => random.normal());
      sum.set(this.#mean);
      for (let k = 0; k < mean.length; k++) {
        let place = mean[k];
        for (let i = 0; i <= k; i++) place += factor.get(k, i) * noise[i];
        const axis = this.#components[k];
        for (let i = 0; i < size; i++) sum[i] += place * axis[i];
      }
      result.set(sum, row * size);
    }
    return result;
  }
}

/** The dot product of `a` with `size` numbers of `b` from `at` on. */
function dot(a: Float64Array, b: ArrayLike<number>, at: number, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) if (b[at + i] !== 0) sum += a[i] * b[at + i];
  return sum;
}
