// What torch's convolution layers pad with besides zeros: values of the input, put around it beforehand.

import type { Tensor } from '../../core/tensor.ts';
import { pad } from '../../ops/movement/pad.ts';

/** What stands around an input: zeros; or its values mirrored, those of its edge, or those of its other side. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** Settings of a convolution layer besides those of the function. */
export interface ConvLayerOptions {
  readonly bias?: boolean;
  readonly paddingMode?: PaddingMode;
}

/** A convolution's settings for each axis of space. */
interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
}

/** `x` [N, C, ...] surrounded by values of its own, of which a convolution without padding makes what one with padding would. */
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
  const before = total.map((size) => Math.floor(size / 2)); // the odd one of 'same' stands behind
  return pad(x, [0, 0, ...before], [0, 0, ...total.map((size, axis) => size - before[axis])], { mode });
}
