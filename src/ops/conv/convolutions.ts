// Convolutions composed of conv2d and its gradient: 1-D and transposed ones.

import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add } from '../elementwise/binary.ts';
import { conv2d, conv2dGradInput, pair, type Conv2dOptions, type Padding, type Sizes } from './conv2d.ts';
import { asImage, fromImage, speakingOf } from './images.ts';
import { reshape } from '../movement/reshape.ts';

/** Settings of a 1-D convolution. */
export interface Conv1dOptions {
  readonly stride?: number;
  /** Zeros on both sides, or 'same' for an output as long as the input (with stride 1), or 'valid' for none. */
  readonly padding?: number | Exclude<Padding, Sizes>;
  readonly dilation?: number;
  readonly groups?: number;
}

const tensors = (x: Tensor, weight: Tensor, bias: Tensor | null | undefined): Tensor[] =>
  bias ? [x, weight, bias] : [x, weight];
const inOneRow = (column: number, row: number) => [row, column] as const;

/** Convolution of sequences, as in torch: [N, C, L] with [O, C / groups, K] and bias [O] → [N, O, L']. */
export const conv1d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv1dOptions = {}): Tensor =>
  speakingOf('conv1d', tensors(x, weight, bias), () => {
    const { stride = 1, padding = 0, dilation = 1, groups } = options;
    const y = conv2d(asImage(x), asImage(weight), bias, {
      stride: inOneRow(stride, 1),
      padding: typeof padding === 'number' ? inOneRow(padding, 0) : padding,
      dilation: inOneRow(dilation, 1),
      groups,
    });
    return fromImage(y);
  });

/** Settings of a transposed convolution: those of the convolution whose gradient it is. */
export interface ConvTranspose2dOptions extends Omit<Conv2dOptions, 'padding'> {
  /** Rows and columns cropped on each side of the output. */
  readonly padding?: Sizes;
  /** Extra rows and columns at the end, fewer than the stride. */
  readonly outputPadding?: Sizes;
}

/**
 * Transposed convolution, as in torch: [N, C, H, W] with [C, O / groups, KH, KW] and bias [O] → [N, O, H', W'], where
 * H' = (H − 1) · stride − 2 · padding + dilation · (KH − 1) + outputPadding + 1.
 */
export const convTranspose2d = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTranspose2dOptions = {},
): Tensor =>
  speakingOf('convTranspose2d', tensors(x, weight, bias), () => {
    const { outputPadding = 0, groups = 1, ...rest } = options;
    if (x.shape.length !== 4 || weight.shape.length !== 4) {
      throw new Error('image and weight need 4 axes, [N, C, H, W] and [C, O / groups, KH, KW].');
    }
    const extra = pair(outputPadding);
    const [stride, padding, dilation] = [pair(rest.stride ?? 1), pair(rest.padding ?? 0), pair(rest.dilation ?? 1)];
    if (extra.some((n, axis) => !Number.isInteger(n) || n < 0 || n >= stride[axis])) {
      throw new Error(`outputPadding [${extra}] must be non-negative integers below the stride [${stride}].`);
    }
    const channels = weight.shape[1] * groups;
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== channels)) {
      throw new Error(`bias must be [${channels}], but is ${formatShape(bias.shape)}.`);
    }
    const size = (axis: 0 | 1) =>
      (x.shape[2 + axis] - 1) * stride[axis] -
      2 * padding[axis] +
      dilation[axis] * (weight.shape[2 + axis] - 1) +
      extra[axis] +
      1;
    const shape = [x.shape[0], channels, size(0), size(1)];
    if (size(0) < 1 || size(1) < 1)
      throw new Error(`padding [${padding}] leaves an empty output, ${formatShape(shape)}.`);
    const y = conv2dGradInput(x, weight, shape, { stride, padding, dilation, groups });
    return bias ? add(y, reshape(bias, [channels, 1, 1])) : y;
  });

/** Settings of a 1-D transposed convolution. */
export interface ConvTranspose1dOptions extends Omit<Conv1dOptions, 'padding'> {
  /** Values cropped on each side of the output. */
  readonly padding?: number;
  /** Extra values at the end, fewer than the stride. */
  readonly outputPadding?: number;
}

/** 1-D transposed convolution: [N, C, L] with [C, O / groups, K] and bias [O]; see convTranspose2d. */
export const convTranspose1d = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTranspose1dOptions = {},
): Tensor =>
  speakingOf('convTranspose1d', tensors(x, weight, bias), () => {
    const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups } = options;
    const y = convTranspose2d(asImage(x), asImage(weight), bias, {
      stride: inOneRow(stride, 1),
      padding: inOneRow(padding, 0),
      outputPadding: inOneRow(outputPadding, 0),
      dilation: inOneRow(dilation, 1),
      groups,
    });
    return fromImage(y);
  });
