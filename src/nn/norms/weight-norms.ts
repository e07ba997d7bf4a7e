// Spectral and weight normalization: a layer's weight is computed from other parameters on each use.

import { Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import { advance, isTraining, latest } from '../../core/trace.ts';
import { div, mul } from '../../ops/elementwise/binary.ts';
import { detach } from '../../ops/elementwise/detach.ts';
import { matmul } from '../../ops/matmul/matmul.ts';
import { normalize } from '../../ops/norms/norms.ts';
import { permute } from '../../ops/movement/permute.ts';
import { sum } from '../../ops/reductions/reduce.ts';
import { reshape } from '../../ops/movement/reshape.ts';
import { sqrt, square } from '../../ops/elementwise/unary.ts';
import { unitVectorBuffer } from '../init.ts';
import type { Module } from '../module.ts';

/** A layer with a weight, as Linear and Conv2d are. */
type Weighted = Module & { readonly weight: Tensor };

/** Replaces the layer's weight with `parameters`, from which `compute` derives it whenever the layer reads it. */
function replaceWeight(layer: Weighted, parameters: Readonly<Record<string, Parameter>>, compute: () => Tensor): void {
  // A getter that is not enumerated: the weight is no longer a parameter.
  Object.defineProperty(layer, 'weight', { get: compute, enumerable: false, configurable: true });
  Object.assign(layer, parameters);
}

function weightOf(who: string, layer: Weighted): Parameter {
  const weight: unknown = Object.getOwnPropertyDescriptor(layer, 'weight')?.value;
  if (weight instanceof Parameter) return weight;
  throw new Error(`${who}: the weight of ${layer.title} is not a parameter; is it normalized already?`);
}

/** `weight` as a matrix [axis, all other axes]. */
function asMatrix(weight: Tensor, axis: number): Tensor {
  const others = weight.shape.flatMap((_, i) => (i === axis ? [] : [i]));
  const front = axis === 0 ? weight : permute(weight, [axis, ...others]);
  return reshape(front, [weight.shape[axis], -1]);
}

/** Settings of `spectralNorm`. */
export interface SpectralNormOptions {
  /** Steps of power iteration per use during training. */
  readonly iterations?: number;
  readonly epsilon?: number;
  /** The axis of outputs: 0, or 1 for transposed convolutions. */
  readonly axis?: number;
}

/**
 * Divides the layer's weight by its largest singular value (Miyato et al., 2018) as torch.nn.utils.spectral_norm: in
 * checkpoints it becomes weight_orig, weight_u and weight_v. The value is found by power iteration, one step per use during
 * training. Returns the layer.
 */
export function spectralNorm<L extends Weighted>(layer: L, options: SpectralNormOptions = {}): L {
  const { iterations = 1, epsilon = 1e-12, axis = 0 } = options;
  const weight = weightOf('spectralNorm', layer);
  const rows = weight.shape[axis];
  const u = unitVectorBuffer(rows);
  const v = unitVectorBuffer(weight.size / rows);
  const unit = (t: Tensor) => detach(normalize(t, 0, epsilon));
  replaceWeight(layer, { weight_orig: weight, weight_u: u, weight_v: v }, () => {
    const matrix = asMatrix(weight, axis);
    const times = (vector: Tensor, transposed: boolean) =>
      reshape(matmul(matrix, reshape(vector, [-1, 1]), { transposeA: transposed }), [-1]);
    for (let i = 0; isTraining() && i < iterations; i++) {
      advance(v, () => unit(times(latest(u), true)));
      advance(u, () => unit(times(latest(v), false)));
    }
    const [left, right] = isTraining() ? [latest(u), latest(v)] : [u, v];
    const largest = matmul(matmul(reshape(left, [1, -1]), matrix), reshape(right, [-1, 1])); // [1, 1]
    return div(weight, reshape(largest, []));
  });
  return layer;
}

/**
 * Splits the layer's weight into norm and direction, one of each per index of `axis` (Salimans and Kingma, 2016), as
 * torch.nn.utils.weight_norm: in checkpoints it becomes weight_g and weight_v. Returns the layer.
 */
export function weightNorm<L extends Weighted>(layer: L, axis = 0): L {
  const weight = weightOf('weightNorm', layer);
  const shape = weight.shape.map((dim, i) => (i === axis ? dim : 1));
  const others = weight.shape.flatMap((_, i) => (i === axis ? [] : [i]));
  const stride = weight.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const draw = async () => {
    const lengths = new Float64Array(weight.shape[axis]);
    const { data } = await weight.read();
    data.forEach((value, i) => (lengths[Math.floor(i / stride) % lengths.length] += value * value));
    return Float32Array.from(lengths, Math.sqrt);
  };
  const g = new Parameter({ shape, dtype: 'f32', draw });
  replaceWeight(layer, { weight_g: g, weight_v: weight }, () =>
    mul(weight, div(g, sqrt(sum(square(weight), others, true)))),
  );
  return layer;
}
