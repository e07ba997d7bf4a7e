// Normalization layers as functions: layer, RMS, group, instance and batch norm, and some composed of ordinary ops.

import { expectDType } from '../../core/op.ts';
import { formatShape, resolveAxis, sizeOf, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, maximum, mul, sub } from '../elementwise/binary.ts';
import { pow } from '../elementwise/pow.ts';
import { alongChannels, channelCount, channelMoments, normalizeChannels } from './channels.ts';
import { normalizeRows } from './normalize-rows.ts';
import { pad } from '../movement/pad.ts';
import { avgPool2d } from '../conv/pooling.ts';
import { mean, sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';
import { rsqrt, square } from '../elementwise/unary.ts';

/** Options of norms with weight and bias. */
export interface NormOptions {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Added to the variance. */
  readonly epsilon?: number;
}

function expectShape(who: string, what: string, parameter: Tensor | null | undefined, shape: Shape): void {
  if (parameter && formatShape(parameter.shape) !== formatShape(shape)) {
    throw new Error(`${who}: ${what} must have shape ${formatShape(shape)}, but has ${formatShape(parameter.shape)}.`);
  }
}

/** `normalizedShape` as a shape; throws unless it equals x's last axes. */
function lastAxes(who: string, x: Tensor, normalizedShape: number | Shape): Shape {
  expectDType(who, 'x', x, 'f32', 'f16');
  const wanted = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  const found = x.shape.slice(x.shape.length - wanted.length);
  if (wanted.length === 0 || wanted.length > x.shape.length || formatShape(found) !== formatShape(wanted)) {
    throw new Error(`${who}: the last axes of x must be ${formatShape(wanted)}, but x is ${formatShape(x.shape)}.`);
  }
  return wanted;
}

/**
 * Layer normalization (Ba, Kiros and Hinton, 2016) as torch.nn.functional.layer_norm: the last axes, whose sizes are
 * `normalizedShape` (a number for one axis), normalized to mean 0 and variance 1, then times weight, plus bias, both of that
 * shape.
 */
export function layerNorm(x: Tensor, normalizedShape: number | Shape, options: NormOptions = {}): Tensor {
  const { weight, bias, epsilon = 1e-5 } = options;
  const shape = lastAxes('layerNorm', x, normalizedShape);
  expectShape('layerNorm', 'weight', weight, shape);
  expectShape('layerNorm', 'bias', bias, shape);
  return normalizeRows(x, sizeOf(shape), { epsilon, weight, bias });
}

/**
 * RMS normalization (Zhang and Sennrich, 2019) as torch.nn.functional.rms_norm: the last axes, whose sizes are
 * `normalizedShape`, divided by the root of their mean square, then times weight. Epsilon is 1.2e-7 by default, as there.
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  { weight, epsilon = 2 ** -23 }: Omit<NormOptions, 'bias'> = {},
): Tensor {
  const shape = lastAxes('rmsNorm', x, normalizedShape);
  expectShape('rmsNorm', 'weight', weight, shape);
  return normalizeRows(x, sizeOf(shape), { center: false, epsilon, weight });
}

/** The number of channels of [N, C, ...]; throws unless weight and bias have as many. */
function channelsOf(who: string, x: Tensor, { weight, bias }: NormOptions): number {
  expectDType(who, 'x', x, 'f32', 'f16');
  if (x.shape.length < 2) throw new Error(`${who}: x must be [N, C, ...], but is ${formatShape(x.shape)}.`);
  expectShape(who, 'weight', weight, [x.shape[1]]);
  expectShape(who, 'bias', bias, [x.shape[1]]);
  return x.shape[1];
}

/**
 * Group normalization (Wu and He, 2018) as torch.nn.functional.group_norm: the channels of x [N, C, ...] in `groups` equal
 * groups, each normalized to mean 0 and variance 1, then times weight [C], plus bias [C].
 */
export function groupNorm(x: Tensor, groups: number, options: NormOptions = {}): Tensor {
  const channels = channelsOf('groupNorm', x, options);
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw new Error(
      `groupNorm: the ${channels} channels of ${formatShape(x.shape)} do not split into ${groups} groups.`,
    );
  }
  return perSample(x, (channels / groups) * sizeOf(x.shape.slice(2)), options);
}

/**
 * Instance normalization (Ulyanov, Vedaldi and Lempitsky, 2016) as torch.nn.functional.instance_norm: each channel of each
 * sample of x [N, C, ...] normalized to mean 0 and variance 1, then times weight [C], plus bias [C].
 */
export function instanceNorm(x: Tensor, options: NormOptions = {}): Tensor {
  channelsOf('instanceNorm', x, options);
  const length = sizeOf(x.shape.slice(2));
  if (length === 1 || x.shape.length < 3) {
    throw new Error(`instanceNorm: needs more than one value per channel, but x is ${formatShape(x.shape)}.`);
  }
  return perSample(x, length, options);
}

function perSample(x: Tensor, length: number, { weight, bias, epsilon = 1e-5 }: NormOptions): Tensor {
  const along = (t: Tensor | null | undefined) => t && alongChannels(t, x);
  return normalizeRows(x, length, { epsilon, weight: along(weight), bias: along(bias) });
}

/** What batch norm computes in training. */
export interface BatchNormResult {
  readonly y: Tensor;
  /** Mean of each channel, [C]. */
  readonly mean: Tensor;
  /** Unbiased variance of each channel, [C]: what torch keeps in running_var. */
  readonly variance: Tensor;
}

/**
 * Batch normalization (Ioffe and Szegedy, 2015) by the batch's own statistics, as in training: each channel of x [N, C, ...]
 * normalized to mean 0 and variance 1, then times weight [C], plus bias [C]. Also returns the statistics, for running ones.
 */
export function batchNormTraining(x: Tensor, options: NormOptions = {}): BatchNormResult {
  const { weight, bias, epsilon = 1e-5 } = options;
  channelsOf('batchNorm', x, options);
  const count = channelCount(x);
  if (count < 2) {
    throw new Error(`batchNorm: training needs more than one value per channel, but x is ${formatShape(x.shape)}.`);
  }
  const [average, variance] = channelMoments(x);
  const y = normalizeChannels(x, [average, variance], epsilon, weight, bias);
  return { y, mean: average, variance: mul(variance, count / (count - 1)) };
}

/**
 * Batch normalization as torch.nn.functional.batch_norm: by the given statistics [C], or with `training` by those of the
 * batch. The module BatchNorm2d keeps running ones.
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVariance: Tensor | null,
  { training = false, ...options }: NormOptions & { readonly training?: boolean } = {},
): Tensor {
  if (training) return batchNormTraining(x, options).y;
  const channels = channelsOf('batchNorm', x, options);
  if (!runningMean || !runningVariance) {
    throw new Error('batchNorm: needs a running mean and variance, unless `training` is set.');
  }
  expectShape('batchNorm', 'the running mean', runningMean, [channels]);
  expectShape('batchNorm', 'the running variance', runningVariance, [channels]);
  const { weight, bias, epsilon = 1e-5 } = options;
  // Two numbers per channel, so that the rest fuses into the epilogue of the convolution before.
  const root = rsqrt(add(runningVariance, epsilon));
  const scale = weight ? mul(root, weight) : root;
  const shift = bias ? sub(bias, mul(runningMean, scale)) : mul(mul(runningMean, scale), -1);
  return add(mul(x, alongChannels(scale, x)), alongChannels(shift, x));
}

/** Settings of `localResponseNorm`. */
export interface LocalResponseNormOptions {
  readonly alpha?: number;
  readonly beta?: number;
  readonly k?: number;
}

/**
 * Local response normalization (Krizhevsky, Sutskever and Hinton, 2012) as torch.nn.functional.local_response_norm: x [N, C,
 * ...] divided by (k + alpha · mean of the squares of `size` neighbouring channels)^beta; channels beyond the ends are 0.
 * Torch's alpha is the paper's times `size`.
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
): Tensor {
  if (x.shape.length < 3) throw new Error(`localResponseNorm: x must be [N, C, ...], but is ${formatShape(x.shape)}.`);
  const [n, channels] = x.shape;
  const planes = reshape(square(x), [n, 1, channels, sizeOf(x.shape.slice(2))]);
  const padded = pad(planes, [0, 0, Math.floor(size / 2), 0], [0, 0, Math.floor((size - 1) / 2), 0]);
  const means = reshape(avgPool2d(padded, [size, 1], { stride: 1 }), x.shape);
  return div(x, pow(add(mul(means, alpha), k), beta));
}

/** Each position of x [N, C, ...] divided by the root of the mean square of its channels (Karras et al., 2018, StyleGAN). */
export function pixelNorm(x: Tensor, epsilon = 1e-8): Tensor {
  return mul(x, rsqrt(add(mean(square(x), resolveAxis('pixelNorm', 1, x.shape.length), true), epsilon)));
}

/**
 * x divided by its Euclidean norm along `axis`, or by `epsilon` if that is larger, as torch.nn.functional.normalize.
 * Squares must fit f32: absolute values between 1e-19 and 1e19, or 0.
 */
export function normalize(x: Tensor, axis = 1, epsilon = 1e-12): Tensor {
  const over = resolveAxis('normalize', axis, x.shape.length);
  return mul(x, rsqrt(maximum(sum(square(x), over, true), epsilon ** 2)));
}
