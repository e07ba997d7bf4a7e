// Gradient clipping.

import type { Tensor } from '../core/tensor.ts';
import { add, div, minimum, mul } from '../ops/elementwise/binary.ts';
import { clamp } from '../ops/elementwise/clamp.ts';
import { sum } from '../ops/reductions/reduce.ts';
import { sqrt, square } from '../ops/elementwise/unary.ts';

/**
 * Scales all gradients by one factor so that their norm, taken as one vector, is at most `maxNorm`, as
 * torch.nn.utils.clip_grad_norm_ (Pascanu, Mikolov and Bengio, 2013). Also returns the norm before clipping, to monitor.
 */
export function clipGradNorm(gradients: readonly Tensor[], maxNorm: number): { gradients: Tensor[]; norm: Tensor } {
  if (!(maxNorm > 0)) throw new Error(`clipGradNorm: maxNorm must be above 0, but is ${maxNorm}.`);
  if (gradients.length === 0) throw new Error('clipGradNorm: the list of gradients is empty.');
  const norm = sqrt(gradients.map((gradient) => sum(square(gradient))).reduce((a, b) => add(a, b)));
  const factor = minimum(div(maxNorm, add(norm, 1e-6)), 1);
  return { gradients: gradients.map((gradient) => mul(gradient, factor)), norm };
}

/** Clamps each element of the gradients to ±`limit`, as torch.nn.utils.clip_grad_value_. */
export const clipGradValue = (gradients: readonly Tensor[], limit: number): Tensor[] =>
  gradients.map((gradient) => clamp(gradient, { min: -limit, max: limit }));
