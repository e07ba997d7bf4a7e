// Losses composed of other ops, which fuse into one or two kernels. Cross-entropy has a record of its own.

import { applyOne, expectDType } from '../../core/op.ts';
import { formatShape, resolveAxis, sameShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { softplus } from '../elementwise/activations.ts';
import { bceOp } from './bce.ts';
import { add, div, mul, sub } from '../elementwise/binary.ts';
import { clamp } from '../elementwise/clamp.ts';
import { eq, gt } from '../elementwise/compare.ts';
import { mean, sum } from '../reductions/reduce.ts';
import { abs, exp, log, neg, relu, sqrt, square } from '../elementwise/unary.ts';
import { where } from '../elementwise/where.ts';

/** What a loss returns: the mean of all values, their sum, or each of them. */
export type Reduction = 'mean' | 'sum' | 'none';

export interface LossOptions {
  readonly reduction?: Reduction;
}

/** The mean, the sum, or all of `losses`. */
export function reduceLosses(losses: Tensor, reduction: Reduction = 'mean'): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : mean(losses);
}

/** Throws unless all are floats of one shape. PyTorch broadcasts here with a warning, which hides mistakes. */
function expectSameShape(who: string, ...tensors: Tensor[]): void {
  for (const tensor of tensors) expectDType(who, 'each input', tensor, 'f32', 'f16');
  if (tensors.every(({ shape }) => sameShape(shape, tensors[0].shape))) return;
  const shapes = tensors.map(({ shape }) => formatShape(shape)).join(' and ');
  throw new Error(`${who}: shapes ${shapes} must be equal; use expand() to broadcast one of them.`);
}

/** (input - target)². */
export function mseLoss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  expectSameShape('mseLoss', input, target);
  return reduceLosses(square(sub(input, target)), reduction);
}

/** |input - target|. */
export function l1Loss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  expectSameShape('l1Loss', input, target);
  return reduceLosses(abs(sub(input, target)), reduction);
}

/** d² / 2 up to `delta`, delta · (d - delta / 2) above. */
function huber(input: Tensor, target: Tensor, delta: number): Tensor {
  const distance = abs(sub(input, target));
  const near = clamp(distance, { max: delta });
  return mul(near, sub(distance, mul(near, 0.5)));
}

/** (input - target)² / 2 where the distance is below `delta`, linear above (Huber, 1964). */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  { delta = 1, reduction }: LossOptions & { delta?: number } = {},
): Tensor {
  // prettier-ignore
  expectSameShape('huberLoss', input, target);
  if (!(delta > 0)) throw new Error(`huberLoss: delta must be above 0, but is ${delta}.`);
  return reduceLosses(huber(input, target, delta), reduction);
}

/** huberLoss / beta: the absolute distance, with a parabola below `beta` (Girshick, 2015). */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { beta = 1, reduction }: LossOptions & { beta?: number } = {},
): Tensor {
  // prettier-ignore
  expectSameShape('smoothL1Loss', input, target);
  if (!(beta >= 0)) throw new Error(`smoothL1Loss: beta must be 0 or more, but is ${beta}.`);
  if (beta === 0) return l1Loss(input, target, { reduction });
  return reduceLosses(div(huber(input, target, beta), beta), reduction);
}

export interface BceOptions extends LossOptions {
  /** A factor per value; broadcasts. */
  readonly weight?: Tensor;
}

/** −target · log(input) − (1 − target) · log(1 − input) for probabilities; logarithms are bounded below by -100. */
export function bceLoss(input: Tensor, target: Tensor, { weight, reduction }: BceOptions = {}): Tensor {
  expectSameShape('bceLoss', input, target);
  const losses = applyOne(bceOp, [input, target], {});
  return reduceLosses(weight ? mul(losses, weight) : losses, reduction);
}

/** bceLoss of sigmoid(input), accurate for inputs of any size; `posWeight`, which broadcasts, scales positive targets. */
export function bceWithLogits(
  input: Tensor,
  target: Tensor,
  { weight, posWeight, reduction }: BceOptions & { posWeight?: Tensor } = {},
): Tensor {
  expectSameShape('bceWithLogits', input, target);
  const negative = softplus(neg(input));
  const scaled = posWeight ? mul(negative, add(mul(sub(posWeight, 1), target), 1)) : negative;
  const losses = add(mul(sub(1, target), input), scaled);
  return reduceLosses(weight ? mul(losses, weight) : losses, reduction);
}

/** input where target is 1, max(0, margin - input) where it is -1. */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  { margin = 1, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  // prettier-ignore
  expectSameShape('hingeEmbeddingLoss', input, target);
  const apart = clamp(sub(margin, input), { min: 0 });
  return reduceLosses(where(eq(target, 1), input, apart), reduction);
}

/** max(0, 1 - target · input) for targets of 1 and -1: also the discriminator's loss of a hinge GAN (Lim and Ye, 2017). */
export function hingeLoss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  expectSameShape('hingeLoss', input, target);
  return reduceLosses(relu(sub(1, mul(input, target))), reduction);
}

/** max(0, margin - target · (first - second)): target 1 wants the first to be larger, -1 the second. */
export function marginRankingLoss(
  first: Tensor,
  second: Tensor,
  target: Tensor,
  { margin = 0, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  // prettier-ignore
  expectSameShape('marginRankingLoss', first, second, target);
  return reduceLosses(clamp(sub(margin, mul(target, sub(first, second))), { min: 0 }), reduction);
}

/** ‖a - b + 1e-6‖ along the last axis. */
function distance(a: Tensor, b: Tensor): Tensor {
  return sqrt(sum(square(add(sub(a, b), 1e-6)), -1));
}

/** max(0, ‖anchor - positive‖ - ‖anchor - negative‖ + margin) along the last axis (Balntas et al., 2016). */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { margin = 1, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  expectSameShape('tripletMarginLoss', anchor, positive, negative);
  const gap = sub(distance(anchor, positive), distance(anchor, negative));
  return reduceLosses(clamp(add(gap, margin), { min: 0 }), reduction);
}

/**
 * target · (log target - input), where `input` holds log-probabilities, and `target` probabilities or, with `logTarget`,
 * log-probabilities. `batchmean` divides the sum by the size of the first axis, as in the definition; `mean` by all values.
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  { logTarget = false, reduction = 'mean' }: { logTarget?: boolean; reduction?: Reduction | 'batchmean' } = {},
): Tensor {
  expectSameShape('klDiv', input, target);
  const positive = logTarget ? null : gt(target, 0);
  const logarithm = positive ? log(where(positive, target, 1)) : target;
  const losses = mul(positive ? target : exp(target), sub(logarithm, input));
  const safe = positive ? where(positive, losses, 0) : losses;
  return reduction === 'batchmean' ? div(sum(safe), input.shape[0]) : reduceLosses(safe, reduction);
}

/** The cosine of the angle between a and b along `axis` (1 by default); norms are clamped to at least `epsilon`. */
export function cosineSimilarity(a: Tensor, b: Tensor, { axis = 1, epsilon = 1e-8 } = {}): Tensor {
  expectSameShape('cosineSimilarity', a, b);
  const along = resolveAxis('cosineSimilarity', axis, a.shape.length);
  // Clamped before the root, whose slope at 0 is infinite.
  const length = (x: Tensor) => sqrt(clamp(sum(square(x), along), { min: epsilon ** 2 }));
  return div(sum(mul(a, b), along), mul(length(a), length(b)));
}

/** 1 - cosine along the last axis where target is 1, max(0, cosine - margin) where it is -1. */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { margin = 0, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  // prettier-ignore
  expectSameShape('cosineEmbeddingLoss', a, b);
  if (!sameShape(target.shape, a.shape.slice(0, -1))) {
    throw new Error(
      `cosineEmbeddingLoss: target ${formatShape(target.shape)} must have the axes of ${formatShape(a.shape)} except the last.`,
    );
  }
  const length = (x: Tensor) => add(sum(square(x), -1), 1e-12);
  const cosine = div(sum(mul(a, b), -1), sqrt(mul(length(a), length(b))));
  const apart = clamp(sub(cosine, margin), { min: 0 });
  return reduceLosses(where(eq(target, 1), sub(1, cosine), apart), reduction);
}
