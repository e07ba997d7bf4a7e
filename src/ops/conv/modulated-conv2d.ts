// StyleGAN 2's convolution, whose weights are scaled by each sample's style.

import { formatShape, sameShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, mul } from '../elementwise/binary.ts';
import { conv2d, type Sizes } from './conv2d.ts';
import { matmul } from '../matmul/matmul.ts';
import { sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';
import { rsqrt, square } from '../elementwise/unary.ts';

/** Settings of `modulatedConv2d`. */
export interface ModulatedConv2dOptions {
  /** Whether each sample's weights are divided by their norm, so that outputs keep the variance of inputs. */
  readonly demodulate?: boolean;
  readonly padding?: Sizes;
  readonly stride?: Sizes;
  readonly epsilon?: number;
}

/**
 * Convolution of x [N, C, H, W] with a weight [O, C, KH, KW] whose input channels are scaled by each sample's styles, [N, C]
 * (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020): → [N, O, H', W'].
 */
export function modulatedConv2d(
  x: Tensor,
  weight: Tensor,
  styles: Tensor,
  { demodulate = true, padding, stride, epsilon = 1e-8 }: ModulatedConv2dOptions = {},
): Tensor {
  if (x.shape.length !== 4 || weight.shape.length !== 4 || !sameShape(styles.shape, x.shape.slice(0, 2))) {
    throw new Error(
      'modulatedConv2d: needs x [N, C, H, W], weight [O, C, KH, KW] and styles [N, C], but got ' +
        `${[x, weight, styles].map(({ shape }) => formatShape(shape)).join(', ')}.`,
    );
  }
  // Scaling weights equals scaling input channels, and dividing them dividing output channels: one convolution serves all samples.
  const modulated = mul(x, reshape(styles, [...styles.shape, 1, 1])); // [N, C, H, W]
  const y = conv2d(modulated, weight, undefined, { padding, stride }); // [N, O, H', W']
  if (!demodulate) return y;
  const squares = matmul(square(styles), sum(square(weight), [2, 3]), { transposeB: true }); // [N, O]
  return mul(y, reshape(rsqrt(add(squares, epsilon)), [...squares.shape, 1, 1]));
}
