// How far results may be from what is expected: all in one place, each with its reason.
//
// A unit is 2⁻²⁴, half the distance of neighbouring f32 numbers around 1: what one rounding costs. A tolerance of n allows
// n units · (1 + |expected|). "Measured" is the worst over all cases and variants on Dawn and Deno, on SwiftShader and lavapipe;
// of the GPU's no tolerance is wider than four times that, or than what WGSL grants the functions that an op calls, such as a
// division (WGSL, "Accuracy of expressions"). The CPU's count roundings: a neighbour of what PyTorch has is 2 units.
// FIVE_TIGERS_MEASURE=FILE with FIVE_TIGERS_TESTS=all writes what part of each tolerance was used.

import type { DType } from '../core/dtype.ts';

/** A value may differ from the expected one by `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

const UNIT = 2 ** -24;

/** `count` units. */
export const units = (count: number): Tolerance => ({ absolute: count * UNIT, relative: count * UNIT });

/** `cpu`: the CPU reference against PyTorch. `gpu`: the GPU against the CPU reference. */
export type Comparison = 'cpu' | 'gpu';

/** Units for an op's output and for its gradients. */
interface Allowed {
  readonly cpu: readonly [output: number, gradient: number];
  readonly gpu: readonly [output: number, gradient: number];
}

/** Values are moved, compared or change their sign: nothing is rounded. */
const exact: Allowed = { cpu: [0, 0], gpu: [0, 0] };

/** The CPU computes in float64 as PyTorch did, and rounds once an op: outputs once, gradients up to three times. */
const rounded = { cpu: [2, 4] } as const;

/** WGSL rounds + − · correctly. Gradients of broadcast inputs are sums, of up to 33 values here. Measured 1.3 to 3.5. */
const summedGradient: Allowed = { cpu: [0, 2], gpu: [0, 4] };

const table: Readonly<Record<string, Allowed>> = {
  abs: exact, cast: exact, concat: exact, detach: exact, eq: exact, flatten: exact, ge: exact, gt: exact, le: exact,
  lt: exact, ne: exact, neg: exact,  permute: exact, relu: exact, reshape: exact, sign: exact, slice: exact,
  square: exact, transpose: exact, ceil: exact, arange: exact, chunk: exact, eye: exact, flip: exact, linspace: exact, maskedFill: exact,
  movedim: exact, oneHot: exact, roll: exact, split: exact, squeeze: exact, stack: exact, tril: exact, triu: exact, unsqueeze: exact,
  clamp: exact, floor: exact, hardtanh: exact, relu6: exact, round: exact, trunc: exact,

  // The same bits as on the CPU.
  uniform: exact, dropout: exact,

  add: summedGradient, expand: summedGradient, maximum: summedGradient, minimum: summedGradient, mul: summedGradient,
  sub: summedGradient, where: summedGradient,

  // WGSL: division within 2.5 ulp, which is 5 units. The gradient −g·a/b² rounds twice more. Measured 0 and 1.9.
  div: { ...rounded, gpu: [5, 7] },
  // As division; the gradient squares it. Measured 0.
  reciprocal: { ...rounded, gpu: [5, 12] },
  // WGSL: 1 / inverseSqrt, of 2.5 and 2 ulp. Measured 0.
  sqrt: { ...rounded, gpu: [9, 9] },
  // WGSL: 2 ulp. Measured 1.0 and 1.2.
  rsqrt: { ...rounded, gpu: [4, 4] },
  // WGSL: 3 + 2·|x| ulp, and x goes up to 60. Measured 39.5.
  exp: { ...rounded, gpu: [128, 128] },
  // WGSL: 2⁻²¹ (8 units) around 1, 3 ulp elsewhere. Measured 1.2; the gradient only divides.
  log: { ...rounded, gpu: [4, 5] },
  // WGSL: 1e-5 (168 units), far more than is needed. Measured 1.3 and 3.5.
  tanh: { ...rounded, gpu: [5, 12] },
  // An exponential of a small number and a division. Measured 1.1 and 0.6.
  sigmoid: { ...rounded, gpu: [4, 2] },
  // WGSL: as exp2(b · log2(a)). The gradient by the exponent has a logarithm besides. Measured 3.1 and 6.9.
  pow: { ...rounded, gpu: [12, 24] },

  // The approximation itself is off by up to 7 units. Measured 1.5 and 1.1.
  erf: { ...rounded, gpu: [6, 4] },
  // Near 0 a series, else WGSL's log. Measured 1.1; the gradient only divides.
  log1p: { ...rounded, gpu: [4, 5] },
  // Near 0 a series, else as exp. Measured 39.3.
  expm1: { ...rounded, gpu: [128, 128] },
  // Angles of up to 3.4e38, reduced exactly; then polynomials. Measured 0.7.
  sin: { ...rounded, gpu: [2.5, 2.5] },
  cos: { ...rounded, gpu: [2.5, 2.5] },
  // A product and a difference of small numbers. Measured 1.5; the gradient of what was broadcast is a sum.
  remainder: { ...rounded, gpu: [2, 4] },

  // One product. Measured 0.2 on the CPU, whose slope is rounded to f32; the gradient of prelu's weight is a sum: 1.2.
  leakyRelu: { ...rounded, gpu: [0, 0] },
  prelu: { ...rounded, gpu: [0, 4] },
  // Exponentials of numbers below 0, and a division or logarithm. Measured 1.2 to 1.8 and 0.7 to 1.8.
  elu: { ...rounded, gpu: [5, 7] },
  selu: { ...rounded, gpu: [6, 4] },
  silu: { ...rounded, gpu: [4, 6] },
  softplus: { ...rounded, gpu: [4, 4] },
  logsigmoid: { ...rounded, gpu: [6, 2.5] },
  glu: { ...rounded, gpu: [5, 6] },
  // The error of erf or tanh times x; the gradient of the tanh form times up to 10. Measured 4.1 and 14.1.
  gelu: { ...rounded, gpu: [16, 48] },
  // Measured 1.2 and 5.7: the gradient holds 1 - tanh² times x.
  mish: { ...rounded, gpu: [4, 20] },
  // WGSL: division within 5 units. Measured 0.6 to 1.3 and up to 0.8.
  hardsigmoid: { ...rounded, gpu: [2.4, 5] },
  hardswish: { ...rounded, gpu: [5, 5] },
  softsign: { ...rounded, gpu: [5, 12] },

  // f32 sums of n terms are off by up to n units of the terms' sum; the longest here is 1025 values of up to 2. Measured 27.
  sum: { cpu: [0, 0], gpu: [108, 0] },
  // The gradient sums those of all that picked one place, up to 24 here. Measured 1.6.
  gather: { cpu: [0, 0], gpu: [0, 6] },
  // Zeros are subtracted, then one product; gradients sum up to 224 numbers of up to 255, each rounded on the CPU. Measured 1.0
  // and 15; 0 and 84, where terms cancel. Without the table 1.0 and 3.4; 0 and 8.7.
  quantizedEmbedding: { cpu: [2, 60], gpu: [0, 256] },
  dequantize: { cpu: [2, 13], gpu: [0, 32] },
  // Sums of up to 576 products; gradients of scales and zeros sum those of groups. Measured 0 and 106; 14.3 and 185.
  quantizedMatmul: { cpu: [2, 256], gpu: [32, 512] },
  // As gather, of up to 40 here. Measured 2.4, 7.9 and 4.0.
  embedding: { cpu: [0, 0], gpu: [0, 6] },
  indexSelect: { cpu: [0, 0], gpu: [0, 24] },
  indexAdd: { cpu: [2, 0], gpu: [6, 0] },
  // The gradient sums the copies'. Measured 0.9 and 1.4.
  repeatInterleave: { cpu: [0, 0], gpu: [0, 3] },
  tile: { cpu: [0, 0], gpu: [0, 4] },
  // Sums of up to 100 values of up to 2. Measured 3.5.
  scatterAdd: { cpu: [2, 0], gpu: [14, 0] },
  // The same divided by n. Measured 0.7.
  mean: { cpu: [0, 1], gpu: [2, 0] },
  // One of the values; the gradient is divided by the number of ties (WGSL: 2.5 ulp).
  max: { cpu: [0, 0], gpu: [0, 5] },
  min: { cpu: [0, 0], gpu: [0, 5] },
  // Whole numbers.
  all: exact, any: exact, argmax: exact, argmin: exact, argsort: exact, countNonzero: exact, keepMinP: exact,

  keepTopK: exact, keepTopP: exact,
  // Values are moved; no two gradients meet.
  sort: exact, topk: exact,

  // Bits, and the largest of numbers that differ in more than their last bits.
  bernoulli: exact, categorical: exact, multinomial: exact, permutation: exact, randint: exact, sampleLogits: exact,
  // The root of a logarithm (WGSL: 3 ulp, or 2⁻²¹), times a cosine. Measured 3.2.
  normal: { cpu: [0, 0], gpu: [10, 0] },

  // Products of up to 129 factors around 1; the gradient is made of two running products. Measured 4.6 and 6.8.
  prod: { ...rounded, gpu: [16, 24] },
  // Sums of up to 2500 values below 0.1, or of 1025 up to 2. Measured 49 and 61.
  cumsum: { cpu: [0, 0], gpu: [96, 192] },
  // Products of up to 2100 factors around 1. Measured 24 and 42.
  cumprod: { ...rounded, gpu: [80, 120] },
  // Sums of up to 129 squares below 4; the gradient is the distance to a mean. Measured 4.5 and 0.8.
  variance: { ...rounded, gpu: [16, 3] },
  // The square root of that (WGSL: 2.5 and 2 ulp). Measured 1.9 and 0.7.
  std: { ...rounded, gpu: [7, 2.5] },
  // As std, and pow for other norms than 1, 2 and infinity. Measured 2.2 and 1.7.
  norm: { ...rounded, gpu: [8.5, 6.9] },
  // Exponentials of negative numbers, a sum of up to 257 of them, a logarithm. Measured 2.0 and 0.8.
  logsumexp: { ...rounded, gpu: [6, 3] },
  // Measured 0.8 and 1.3.
  softmax: { ...rounded, gpu: [3, 5] },
  // Measured 2.0 and 3.9: the gradient subtracts the softmax times a sum.
  logSoftmax: { ...rounded, gpu: [6, 15] },
  // The exponentials' sum grows with the row and is scaled where a larger logit comes. Measured 2.6 and 1.6.
  crossEntropy: { ...rounded, gpu: [8, 6] },


  // Losses: sums of up to 65 values. The square of a rounded difference is off by four units. Measured 2.5; the gradient is one product.
  mseLoss: { cpu: [4, 4], gpu: [6, 0] },
  // Measured 1.1 to 1.8; gradients are signs and shares, the same bits, but for 0.06 of nllLoss with weights.
  hingeEmbeddingLoss: { ...rounded, gpu: [4, 0] }, hingeLoss: { ...rounded, gpu: [6, 0] },
  huberLoss: { ...rounded, gpu: [5, 0] }, l1Loss: { ...rounded, gpu: [4, 0] },
  marginRankingLoss: { ...rounded, gpu: [3, 0] }, nllLoss: { ...rounded, gpu: [6, 0.23] },
  smoothL1Loss: { ...rounded, gpu: [5, 0] },
  // Logarithms, roots and divisions. Measured 0.8 to 1.8 and up to 1.1.
  bceLoss: { ...rounded, gpu: [3, 4] }, bceWithLogits: { ...rounded, gpu: [6, 3.5] },
  cosineEmbeddingLoss: { ...rounded, gpu: [6, 0.4] }, cosineSimilarity: { ...rounded, gpu: [4, 2.9] },
  tripletMarginLoss: { ...rounded, gpu: [6, 3] },
  // Logarithms of up to 3, times exponentials. Measured 3.1.
  klDiv: { ...rounded, gpu: [12, 12] },

  // Up to 17 steps, each on what the one before it rounded. CPU: measured 1.6 and 5.1, of six sums of rounded products an
  // element. GPU: measured 6.8 and 13.3; relu lets states grow.
  rnn: { cpu: [5, 12], gpu: [24, 48] },
  // Measured 1.7 and 4.0: the gates lie below 1.
  lstm: { ...rounded, gpu: [6, 14] },
  // Measured 2.9 and 7.2.
  gru: { ...rounded, gpu: [11, 28] },
  // One step. Measured 1.3 and 2.9.
  rnnCell: { ...rounded, gpu: [5, 8] },
  lstmCell: { ...rounded, gpu: [5, 11] },
  gruCell: { ...rounded, gpu: [5, 7] },

  dynamicSlice: exact, updateSlice: exact,
  // Exponentials of scores up to 72, which f32 holds to 2⁻¹⁸. What the gradient subtracts, Σ g·o, is rounded in between.
  // Measured 0 and 6.9; 11 and 18.6. Without flash every step is rounded: 3.3 and 26; 4.9 and 19.5.
  scaledDotProductAttention: { cpu: [0, 24], gpu: [32, 62] },
  // Angles are off by a few 2⁻³² turns; sines by 2⁻²⁴. Measured 0.9 and 0.6; 2.5 and 1.5.
  rotary: { cpu: [2, 2], gpu: [6, 6] },
  'scaledDotProductAttention without flash': { cpu: [12, 64], gpu: [16, 64] },
  // Sums of up to 300 products below 1 (gradients 129). Measured 49, by tiles, and 12.9.
  matmul: { ...rounded, gpu: [96, 48] },
  // The same, of up to 65 products, and of 300 in verify. Measured 0.9 to 2.6 and 0.6 to 1.3; on Deno linear 23 and 7.8, dot 4.5, mv 7.9 and 5.2.
  bmm: { ...rounded, gpu: [3.6, 2.5] }, dot: { ...rounded, gpu: [8, 0] }, einsum: { ...rounded, gpu: [7, 5] },
  linear: { ...rounded, gpu: [48, 16] }, mv: { ...rounded, gpu: [16, 12] },
  // Gradients sum 33 products. Measured 3.4.
  outer: { cpu: [0, 2], gpu: [0, 13] },
  // Outputs sum up to 400 products; gradients of weights up to 784. Measured 58 and 181.
  conv2d: { ...rounded, gpu: [64, 256] },
  // Fewer products, but for convTranspose2d (up to 576). Measured 8.6 and 8.7; 41 and 67; 1.9 and 5.6.
  conv1d: { ...rounded, gpu: [32, 32] },
  convTranspose2d: { ...rounded, gpu: [64, 128] },
  convTranspose1d: { ...rounded, gpu: [6, 10] },
  // Weights are held in f32: up to four rows of four. Measured 1.0 and 1.3 on the CPU, 1.8 and 5.8 on the GPU.
  interpolate: { cpu: [3, 4], gpu: [6, 16] },
  // Values are moved; those that padding repeats add their gradients up, up to 20 of them. Measured 1.4.
  pad: { cpu: [0, 0], gpu: [0, 4] },
  pixelShuffle: exact,
  pixelUnshuffle: exact,
  channelShuffle: exact,
  // One of the values; overlapping windows add up to four gradients. Measured 1.3.
  maxPool2d: { cpu: [0, 2], gpu: [0, 2] },
  maxPool1d: { cpu: [0, 2], gpu: [0, 2] },
  adaptiveMaxPool2d: { cpu: [0, 2], gpu: [0, 2] },
  // Sums of up to 25 values, divided; each gradient is divided before it is added. Measured 1.3, 1.0, 0.9; 0.4, 0.4, 0.9.
  avgPool2d: { cpu: [0, 0], gpu: [5, 1.5] },
  avgPool1d: { cpu: [0, 0], gpu: [3, 1.5] },
  adaptiveAvgPool2d: { cpu: [0, 1], gpu: [3, 3] },

  // Sums over rows of up to 5001 values, of sums of some. Measured 6 and 8.
  layerNorm: { ...rounded, gpu: [24, 32] },
  // As layerNorm, without a mean to subtract. Measured 5 and 14.
  rmsNorm: { ...rounded, gpu: [8, 16] },
  // Also with a mean of 1e4 beside differences of 1. Measured 12 and 8.
  groupNorm: { ...rounded, gpu: [24, 24] },
  instanceNorm: { ...rounded, gpu: [24, 24] },
  // The mean is rounded to f32 before it is subtracted, and is ten times the deviation here: on the CPU, too. GPU
  // measured 10 and 19, of which half are sums.
  batchNorm: { cpu: [16, 32], gpu: [16, 64] },
  // A power of a sum of squares. Measured 2.3 and 2.4.
  localResponseNorm: { ...rounded, gpu: [8, 8] },
  // Measured 2.0 and 2.3.
  pixelNorm: { ...rounded, gpu: [7.9, 8] },
  // Measured 1.0 and 0.7.
  normalize: { ...rounded, gpu: [4, 2] },
  // Weights of five channels times styles: the CPU rounds each of four ops. Measured 4.0 and 10.8.
  modulatedConv2d: { cpu: [8, 12], gpu: [16, 40] },
}; // prettier-ignore

/** An f16 unit, 2⁻¹¹, in units: f16 has 13 bits less than f32. */
const F16_UNITS = 2 ** 13;

/**
 * f16 units for ops that need other than 2 (0 where f32 is exact). The CPU rounds to f16 after every op and a fused
 * kernel at its end; where both round once, numbers that are nearly equal may go to neighbours, which is 2 units.
 */
const f16Table: Readonly<Record<string, readonly [output: number, gradient: number]>> = {
  // The gradient is rounded two to three times on the CPU. Measured 1.6 to 2.2.
  exp: [2, 3], expm1: [2, 3], pow: [2, 4], reciprocal: [2, 4], square: [0, 3],
  // Gradients of what was broadcast are sums, of terms that the CPU rounds first. Measured 3.5.
  div: [2, 7], mul: [2, 7], outer: [2, 8],
  // One product with a slope that f32 holds: where it lies between two f16, CPU and GPU may take different ones. Measured 0.016.
  leakyRelu: [0, 0.06],
  // The CPU rounds each of several factors. Measured 2.2 and 2.1; products of up to 1100 factors 3.7.
  gelu: [2, 4], mish: [2, 4], cumprod: [2, 8],
  // The CPU rounds what is normalized, its products with the gradient, and their sums, which a GPU does in one kernel: of up to 126
  // terms for a weight. Measured 5.3, 2.9, 3.5 and 3.0; with fixed statistics the output, of four ops, 2.6.
  layerNorm: [2, 10], rmsNorm: [2, 6], groupNorm: [2, 7], instanceNorm: [2, 6], batchNorm: [5, 2],
  // Weights are scaled twice, and rounded each time. Measured 3.2.
  modulatedConv2d: [2, 7],
  // Each step's gradients are rounded before the next. Measured 2.7.
  rnn: [2, 6],
  // The gradient of a scale sums products with numbers of up to 255 that cancel, of what the CPU rounds first. Measured 10.1.
  quantizedMatmul: [2, 20],
}; // prettier-ignore

/** What an op is allowed in a comparison, where its floats are `dtype`. Throws for an op that the table lacks. */
export function toleranceOf(
  op: string,
  comparison: Comparison,
  part: 'output' | 'gradient',
  dtype: DType = 'f32',
): Tolerance {
  if (!(op in table)) throw new Error(`src/verify/tolerances.ts has no tolerance for ${op}.`);
  const at = part === 'output' ? 0 : 1;
  const f32 = table[op][comparison][at];
  if (dtype !== 'f16') return units(f32);
  return units(Math.max(f32, F16_UNITS * (f16Table[op]?.[at] ?? (f32 === 0 ? 0 : 2))));
}

/** For a record that no public op is named after, such as a gradient of its own. */
const UNNAMED_UNITS = 256;

/**
 * What the output of a record is allowed, GPU against CPU: that of the op of its name; for `conv2dGradInput` the gradient
 * of `conv2d`; for a record that is like none of the table, 256 units.
 */
export function toleranceOfRecord(record: string, dtype: DType = 'f32'): Tolerance {
  if (Object.hasOwn(table, record)) return toleranceOf(record, 'gpu', 'output', dtype);
  const family = Object.keys(table)
    .filter((op) => record.startsWith(op))
    .reduce((best, op) => (op.length > best.length ? op : best), '');
  if (family) return toleranceOf(family, 'gpu', 'gradient', dtype);
  return units(dtype === 'f16' ? 4 * F16_UNITS : UNNAMED_UNITS);
}

/**
 * Finite differences in float64 against gradients in float64, as a part of the sum of |gradient · direction|. What is left
 * is the fourth power of the step and constants such as 1/3, which are held in f32. Measured 7e-9.
 */
export const finiteDifferences: Tolerance = { absolute: 1e-11, relative: 2.5e-8 };

/** f16 has 13 bits less than f32. The CPU rounds after every op, a fused kernel at its end. Measured 2.5 · 2¹³. */
export const f16Tolerance: Tolerance = units(4 * F16_UNITS);
