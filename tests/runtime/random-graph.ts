// Random graphs from a seed: compositions of all kinds of ops, forward and backward.

import { grad } from '../../src/autograd/grad.ts';
import { RandomSource } from '../../src/core/random.ts';
import { Constant, spec, type Tensor, type TensorSpec } from '../../src/core/tensor.ts';
import {
  add, avgPool2d, batchNorm, clamp, concat, conv2d, convTranspose2d, cos, cumsum, div, einsum, elu, erf, exp, expand, flip, gather,
  gelu, groupNorm, gru, gt, indexSelect, interpolate, layerNorm, logSoftmax, logsumexp, lstm, matmul, max, maximum, mean, min, minimum,
  mseLoss, mul, neg, norm, pad, permute, relu, reshape, rmsNorm, roll, rotary, scaledDotProductAttention, sigmoid, silu, sin,
  slice, smoothL1Loss, softmax, softplus, sort, square, sub, sum, tanh, topk, tril, triu, variance, where,
} from '../../src/ops/index.ts'; // prettier-ignore

/** Maps one or two n × n matrices and a vector `v` of n to an n × n matrix with values near 1. */
type Piece = (x: Tensor, y: Tensor, v: Tensor, n: number, draw: RandomSource) => Tensor;

const elementwise: readonly Piece[] = [
  (x) => tanh(x),
  (x) => sigmoid(x),
  (x) => relu(x),
  (x) => exp(neg(square(x))),
  (x, y) => add(mul(x, 0.5), y),
  (x, y) => sub(x, mul(y, 0.5)),
  (x, y) => mul(x, tanh(y)),
  (x, y) => div(x, add(square(y), 1)),
  (x, y) => maximum(x, y),
  (x, y) => where(gt(x, y), tanh(x), tanh(y)), // continuous, so that rounding at ties does not matter
  (x) => gelu(x),
  (x, y) => add(gelu(x, { approximate: 'tanh' }), mul(y, 0.5)),
  (x) => silu(x),
  (x, y) => mul(softplus(x), tanh(y)),
  (x) => erf(x),
  (x, y) => mul(sin(x), cos(y)),
  (x) => elu(x),
  (x, y) => minimum(x, clamp(y, { min: -1.5, max: 1.5 })),
  (x, _y, v) => add(x, v),
  (x, _y, v, n) => mul(x, reshape(v, [n, 1])),
];

/** Fixed indices below `n`. */
const positions = (shape: readonly number[], n: number, draw: RandomSource): Tensor =>
  new Constant(
    shape,
    'i32',
    Int32Array.from({ length: shape.reduce((a, b) => a * b) }, () => draw.integer(n)),
  );

/** Gate weights of a recurrent layer with n units: stacked n × n matrices. */
const gates = (matrices: readonly Tensor[]): Tensor => mul(concat(matrices), 0.5);

const others: readonly Piece[] = [
  (x, y, _v, n, draw) => {
    const [transposeA, transposeB] = [draw.integer(2) === 1, draw.integer(2) === 1];
    return mul(matmul(x, y, { transposeA, transposeB }), 1 / n);
  },
  (x, y) => tanh(add(matmul(x, y), x)),
  (x, _y, _v, _n, draw) => softmax(x, draw.integer(2)),
  (x, y, _v, _n, draw) => mul(logSoftmax(x, draw.integer(2)), tanh(y)),
  (x) => permute(x, [1, 0]),
  (x, _y, _v, n) => reshape(tanh(reshape(x, [n * n])), [n, n]),
  (x, _y, _v, _n, draw) => sub(x, mean(x, draw.integer(2), true)),
  (x, y) => div(x, add(sum(square(y), 1, true), 1)),
  (x, y, _v, n) => add(expand(max(x, 1, true), [n, n]), y),
  (x, y, _v, n) => mul(y, reshape(logsumexp(x, 0), [n, 1])),
  (x, y) => mul(x, tanh(sum(matmul(x, y)))),
  (x, y) => sub(x, mean(y)),
  (x, y, _v, n) => concat([slice(x, [1, 0], [n, n]), slice(y, [0, 0], [1, n])]),
  (x, _y, v) => tanh(layerNorm(add(x, v), v.shape, { weight: v })),
  (x, y) => add(mul(rmsNorm(x, x.shape[1]), 0.5), y),
  (x, y) => div(x, add(1, variance(y, 1, { keepdims: true }))),
  (x, y) => div(x, add(1, norm(y, 2, 0, true))),
  (x, _y, _v, n, draw) => mul(cumsum(x, draw.integer(2)), 1 / n),
  (x, y) => sub(x, mul(min(y, 0, true), 0.5)),
  (x, y, _v, n) => {
    const one = (t: Tensor) => reshape(t, [1, 1, n, n]);
    return reshape(scaledDotProductAttention(one(x), one(y), one(x), { isCausal: true }), [n, n]);
  },
  (x, y, _v, n) => {
    const kernel = reshape(slice(y, [0, 0], [3, 3]), [1, 1, 3, 3]);
    return mul(reshape(conv2d(reshape(x, [1, 1, n, n]), kernel, undefined, { padding: 1 }), [n, n]), 0.2);
  },
  (x, y, _v, n) => {
    const kernel = reshape(slice(y, [0, 0], [2, 2]), [1, 1, 2, 2]);
    const grown = convTranspose2d(reshape(x, [1, 1, n, n]), kernel); // [1, 1, n + 1, n + 1]
    return reshape(avgPool2d(grown, 2, { stride: 1 }), [n, n]);
  },
  (x, y, _v, n) => mul(reshape(groupNorm(reshape(x, [1, n, n]), 1), [n, n]), tanh(y)),
  (x, _y, _v, n) => pad(slice(x, [0, 1], [n, n]), [0, 0], [0, 1]),
  (x, _y, _v, n, draw) => gather(x, positions([n, n], n, draw), draw.integer(2)),
  (x, y, _v, n, draw) => add(mul(indexSelect(x, positions([n], n, draw), draw.integer(2)), 0.5), y),
  (x, _y, _v, _n, draw) => flip(x, [[0], [1], [0, 1]][draw.integer(3)]),
  (x, y, _v, n, draw) => sub(roll(x, 1 + draw.integer(n - 1), draw.integer(2)), mul(y, 0.5)),
  (x, y) => add(tril(x), triu(y, 1)),
  (x, _y, _v, _n, draw) => sort(x, draw.integer(2)).values, // continuous: at a tie both values are equal
  (x, y, _v, _n, draw) => sub(y, mean(topk(x, 2, 1, { largest: draw.integer(2) === 0 }).values, 1, true)),
  (x, y, _v, n) => mul(einsum('ij,kj->ki', x, y), 1 / n),
  (x, y) => mul(x, tanh(einsum('ij,ji->i', x, y))),
  (x, _y, _v, n) => {
    const margins = [0, 0, 1, 1];
    const mirrored = pad(reshape(x, [1, 1, n, n]), margins, margins, { mode: 'reflect' }); // [1, 1, n + 2, n + 2]
    return reshape(avgPool2d(mirrored, 3, { stride: 1 }), [n, n]);
  },
  (x, _y, _v, n, draw) => {
    const mode = (['bilinear', 'bicubic', 'nearest'] as const)[draw.integer(3)];
    const larger = interpolate(reshape(x, [1, 1, n, n]), { size: [n + 2, 2 * n], mode });
    return slice(reshape(larger, [n + 2, 2 * n]), [1, 0], [n + 1, 2 * n], [1, 2]);
  },
  (x, y) => mul(x, sigmoid(mseLoss(x, y))),
  (x, y) => sub(x, mul(smoothL1Loss(y, tanh(x)), 0.5)),
  // The addition keeps channels from being nearly constant, which a norm would amplify to large rounding errors.
  (x, _y, v, n) => tanh(batchNorm(add(x, reshape(v, [n, 1])), null, null, { training: true, weight: v })),
  (x, _y, _v, n, draw) =>
    rotary(x, { size: n - (n % 2), offset: draw.integer(50), interleaved: draw.integer(2) === 0 }),
  (x, y, v, n) => {
    const weights = { weightIh: gates([x, y, permute(y, [1, 0]), x]), weightHh: gates([y, y, x, tanh(x)]) };
    return add(reshape(lstm(reshape(x, [n, 1, n]), [{ ...weights, biasIh: concat([v, v, v, v]) }]).output, [n, n]), y);
  },
  (x, y, _v, n) => {
    const weights = { weightIh: gates([y, x, y]), weightHh: gates([x, tanh(y), y]) };
    return reshape(gru(reshape(x, [n, 1, n]), [weights]).output, [n, n]);
  },
];

/** The inputs of every random graph of n × n matrices. */
export const randomGraphSpecs = (n: number): Record<string, TensorSpec> => ({
  a: spec([n, n]),
  b: spec([n, n]),
  v: spec([n]),
});

/** A graph of `steps` pieces with a loss of its last values, and the loss's gradients. */
export function randomGraph(
  seed: number,
  n: number,
  inputs: Record<string, Tensor>,
  steps = 6,
): Record<string, Tensor> {
  const draw = new RandomSource(seed, 31);
  const { a, b, v } = inputs;
  const values = [a, b];
  // Prefer recent values, so that graphs become deep.
  const pick = () => values[Math.max(0, values.length - 1 - draw.integer(3))];
  for (let i = 0; i < steps; i++) {
    const pieces = draw.integer(2) === 0 ? elementwise : others;
    values.push(pieces[draw.integer(pieces.length)](pick(), pick(), v, n, draw));
  }
  const loss = mean(mul(values[steps + 1], add(values[steps], v)));
  const [da, db, dv] = grad(loss, [a, b, v]);
  return { last: values[steps + 1], loss, da, db, dv };
}
