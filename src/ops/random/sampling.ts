// Sampling from a language model's scores: temperature, top-k, top-p and min-p, all on the device and without a sort.

import { formatShape } from '../../core/shape.ts';
import type { Tensor, TensorLike } from '../../core/tensor.ts';
import { expectDType } from '../../core/op.ts';
import { argmax } from '../reductions/arg-extreme.ts';
import { div, mul } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { ge } from '../elementwise/compare.ts';
import { massThreshold } from './mass-threshold.ts';
import { categorical } from './random.ts';
import { max } from '../reductions/reduce.ts';
import { softmax } from '../reductions/softmax.ts';
import { where } from '../elementwise/where.ts';

/** The score of tokens that must not be drawn: WGSL does not guarantee infinities. */
const NEVER = -3.4028234663852886e38;

/** The logits as f32; throws if they, or a setting given as a number, are invalid. */
function checked(
  who: string,
  logits: Tensor,
  setting: string,
  value: TensorLike,
  fits: (value: number) => boolean,
  expected: string,
): Tensor {
  expectDType(who, 'logits', logits, 'f32', 'f16');
  if (logits.shape.length === 0) throw new Error(`${who}: logits must be […, V], but are ${formatShape([])}.`);
  if (typeof value === 'number' && !fits(value))
    throw new Error(`${who}: ${setting} must be ${expected}, but is ${value}.`);
  return cast(logits, 'f32');
}

/** Keeps the `k` largest of `logits` […, V] (f32 or f16) along the last axis, and ties with the last of them, as f32. */
export function keepTopK(logits: Tensor, k: TensorLike): Tensor {
  const scores = checked(
    'keepTopK',
    logits,
    'k',
    k,
    (value) => Number.isInteger(value) && value >= 1,
    'an integer of at least 1',
  );
  return where(ge(scores, massThreshold(scores, k, 'number')), scores, NEVER);
}

/**
 * Keeps the smallest set of most probable `logits` […, V] (f32 or f16) whose probabilities add up to at least `p`, and ties
 * with the last of them, as f32 (Holtzman et al., "The curious case of neural text degeneration", 2020).
 */
export function keepTopP(logits: Tensor, p: TensorLike): Tensor {
  const scores = checked('keepTopP', logits, 'p', p, (value) => value > 0 && value <= 1, 'above 0 and at most 1');
  const probabilities = softmax(scores);
  return where(ge(probabilities, massThreshold(probabilities, p, 'sum')), scores, NEVER);
}

/** Keeps those of `logits` […, V] (f32 or f16) that are at least `p` times as probable as the most probable, as f32. */
export function keepMinP(logits: Tensor, p: TensorLike): Tensor {
  const scores = checked('keepMinP', logits, 'p', p, (value) => value >= 0 && value <= 1, 'between 0 and 1');
  const probabilities = softmax(scores);
  return where(ge(probabilities, mul(max(probabilities, -1, true), p)), scores, NEVER);
}

/** How `sampleLogits` draws. Each option may be a number or, to change between runs, a `Scalar`. */
export interface SamplingOptions {
  /** Divides the scores: below 1, likely tokens become likelier. The number 0 takes the argmax. 1 by default. */
  readonly temperature?: TensorLike;
  /** Draws from this many of the likeliest tokens. */
  readonly topK?: TensorLike;
  /** Draws from the likeliest tokens that together have at least this probability. */
  readonly topP?: TensorLike;
  /** Draws from tokens with at least this fraction of the likeliest one's probability. */
  readonly minP?: TensorLike;
}

/**
 * Draws a token for each row of `logits` […, V] (f32 or f16), as i32[…]. Temperature comes first, then top-k, top-p and min-p, each
 * applied to what the one before has kept, as in Hugging Face's transformers.
 */
export function sampleLogits(logits: Tensor, { temperature = 1, topK, topP, minP }: SamplingOptions = {}): Tensor {
  const scores = checked('sampleLogits', logits, 'temperature', temperature, (value) => value >= 0, 'at least 0');
  if (temperature === 0) return argmax(logits, -1);
  let kept = temperature === 1 ? scores : div(scores, temperature);
  if (topK !== undefined) kept = keepTopK(kept, topK);
  if (topP !== undefined && topP !== 1) kept = keepTopP(kept, topP);
  if (minP !== undefined && minP !== 0) kept = keepMinP(kept, minP);
  return categorical(kept);
}
