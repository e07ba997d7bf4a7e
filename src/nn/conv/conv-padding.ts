// The padding modes of torch's convolution layers besides zeros: the input is padded with its own values beforehand.

import type { Tensor } from '../../core/tensor.ts';
import { pad } from '../../ops/movement/pad.ts';

/** What an input is padded with: zeros, its mirrored values, its edge values, or those of its opposite side. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** Settings of a convolution layer besides those of the function. */
export interface ConvLayerOptions {
  readonly bias?: boolean;
  readonly paddingMode?: PaddingMode;
}

/** A convolution's settings for each spatial axis. */
interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
}

/** `x` [N, C, ...] padded with its own values, so that the convolution itself needs no padding. */
export function padAround(
  x: Tensor,
  { kernel, stride, dilation, padding }: Window,
  mode: Exclude<PaddingMode, 'zeros'>,
): Tensor {
  if (padding === 'same' && stride.some((step) => step !== 1)) {
    throw new Error(`Convolution: padding 'same' needs stride 1, but the stride is [${stride}].`);
  }
  const total = kernel.map((size, axis) => {
    if (padding === 'same') return dilation[axis] * (size - 1);
    return padding === 'valid' ? 0 : 2 * padding[axis];
  });
  const before = total.map((size) => Math.floor(size / 2)); // 'same' puts an odd one at the end
  return pad(x, [0, 0, ...before], [0, 0, ...total.map((size, axis) => size - before[axis])], { mode });
}
