// Pooling of images and sequences: windows of a given size, or a given number of windows.

import { applyOne, type Op } from '../../core/op.ts';
import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { pair, type Sizes } from './conv2d.ts';
import { asImage, fromImage, speakingOf } from './images.ts';
import { avgPool2dOp, maxPool2dOp, type PoolAttrs } from './pool2d.ts';
import { mean } from '../reductions/reduce.ts';

/** Settings of pooling. */
export interface PoolOptions {
  /** Stride between windows; the window's size by default. */
  readonly stride?: Sizes;
  readonly padding?: Sizes;
  /** True: includes a last window that only begins inside. */
  readonly ceilMode?: boolean;
}

/** Settings of max pooling. */
export interface MaxPoolOptions extends PoolOptions {
  /** Distance between neighbours in a window. */
  readonly dilation?: Sizes;
}

/** Settings of average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /** False: averages only over values inside the image. */
  readonly countIncludePad?: boolean;
}

const settings = (kernel: Sizes, options: MaxPoolOptions & AvgPoolOptions): PoolAttrs => ({
  kernel: pair(kernel),
  stride: pair(options.stride ?? kernel),
  padding: pair(options.padding ?? 0),
  dilation: pair(options.dilation ?? 1),
  ceilMode: options.ceilMode ?? false,
  countIncludePad: options.countIncludePad ?? true,
  outputSize: null,
});

/** The largest value of each window of [N, C, H, W]; the first among equal values gets the gradient, as in torch. */
export const maxPool2d = (x: Tensor, kernel: Sizes, options: MaxPoolOptions = {}): Tensor =>
  applyOne(maxPool2dOp, [x], settings(kernel, options));

/** The mean of each window of [N, C, H, W]; padding counts as zeros, as in torch. */
export const avgPool2d = (x: Tensor, kernel: Sizes, options: AvgPoolOptions = {}): Tensor =>
  applyOne(avgPool2dOp, [x], settings(kernel, options));

type Numbers<T> = { readonly [K in keyof T]: Exclude<T[K], readonly number[]> };

/** The settings of 1-D pooling for an image of one row. */
const inOneRow = (kernel: number, { stride = kernel, padding = 0, ...rest }: Numbers<PoolOptions>) => ({
  ...rest,
  stride: [1, stride] as const,
  padding: [0, padding] as const,
});

/** The largest value of each window of [N, C, L]: see maxPool2d. */
export const maxPool1d = (x: Tensor, kernel: number, options: Numbers<MaxPoolOptions> = {}): Tensor =>
  speakingOf('maxPool1d', [x], () => {
    const dilation = [1, options.dilation ?? 1] as const;
    return fromImage(maxPool2d(asImage(x), [1, kernel], { ...inOneRow(kernel, options), dilation }));
  });

/** The mean of each window of [N, C, L]: see avgPool2d. */
export const avgPool1d = (x: Tensor, kernel: number, options: Numbers<AvgPoolOptions> = {}): Tensor =>
  speakingOf('avgPool1d', [x], () => fromImage(avgPool2d(asImage(x), [1, kernel], inOneRow(kernel, options))));

/** Number of windows along both axes, or as [height, width], where null keeps the image's size. */
export type OutputSize = number | null | readonly [number | null, number | null];

function adaptive(who: string, op: Op<PoolAttrs>, x: Tensor, wanted: OutputSize): Tensor {
  if (x.shape.length !== 4) throw new Error(`${who}: x must be [N, C, H, W], but is ${formatShape(x.shape)}.`);
  const [height, width] = x.shape.slice(2);
  const [rows, columns] = wanted === null || typeof wanted === 'number' ? [wanted, wanted] : wanted;
  const outputSize = [rows ?? height, columns ?? width] as const;
  return speakingOf(who, [x], () => {
    if (op === avgPool2dOp && outputSize[0] === 1 && outputSize[1] === 1) return mean(x, [2, 3], true);
    const even = height % outputSize[0] === 0 && width % outputSize[1] === 0 && x.size > 0;
    const kernel = even ? ([height / outputSize[0], width / outputSize[1]] as const) : 1;
    return applyOne(op, [x], { ...settings(kernel, {}), outputSize: even ? null : outputSize });
  });
}

/** Means of [N, C, H, W] over `outputSize` windows of nearly equal size, as in torch: [N, C, outputSize]. */
export const adaptiveAvgPool2d = (x: Tensor, outputSize: OutputSize): Tensor =>
  adaptive('adaptiveAvgPool2d', avgPool2dOp, x, outputSize);

/** The largest values of [N, C, H, W] in `outputSize` windows of nearly equal size, as in torch: [N, C, outputSize]. */
export const adaptiveMaxPool2d = (x: Tensor, outputSize: OutputSize): Tensor =>
  adaptive('adaptiveMaxPool2d', maxPool2dOp, x, outputSize);
