// Resizes images and sequences: torch.nn.functional.interpolate.

import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { asImage, fromImage, speakingOf } from './images.ts';
import { interpolationTaps, type InterpolationMode } from './resample-taps.ts';
import { resample2d } from './resample2d.ts';

/** Settings of interpolate: either `size` or `scaleFactor`. */
export interface InterpolateOptions {
  /** The new size: one number for all axes, or one per axis. */
  readonly size?: number | readonly number[];
  /** Scale of the size, which is rounded down. */
  readonly scaleFactor?: number | readonly number[];
  readonly mode?: InterpolationMode;
  /** True: first and last positions coincide; for linear, bilinear and bicubic. */
  readonly alignCorners?: boolean;
}

const modes: Readonly<Record<3 | 4, readonly InterpolationMode[]>> = {
  3: ['nearest', 'nearest-exact', 'linear', 'area'],
  4: ['nearest', 'nearest-exact', 'bilinear', 'bicubic', 'area'],
};

/**
 * [N, C, H, W] or [N, C, L] resized, as torch.nn.functional.interpolate without antialiasing. Modes: 'nearest' (torch's,
 * the default), 'nearest-exact', 'area'; 'bilinear' and 'bicubic' for images, 'linear' for sequences.
 */
export const interpolate = (x: Tensor, options: InterpolateOptions): Tensor =>
  speakingOf('interpolate', [x], () => {
    const { size, scaleFactor, mode = 'nearest', alignCorners = false } = options;
    const rank = x.shape.length;
    if (rank !== 3 && rank !== 4) throw new Error('x must be [N, C, H, W] or [N, C, L].');
    const spatial = x.shape.slice(2);
    if (!modes[rank].includes(mode))
      throw new Error(`with ${rank} axes the mode must be one of ${modes[rank].join(', ')}, but is ${mode}.`);
    if (alignCorners && !mode.includes('linear') && mode !== 'bicubic')
      throw new Error(`mode ${mode} does not support alignCorners.`);
    if ((size === undefined) === (scaleFactor === undefined)) throw new Error('needs either size or scaleFactor.');
    const given = size ?? scaleFactor!;
    const wanted = typeof given === 'number' ? spatial.map(() => given) : given;
    const sizes = size === undefined ? spatial.map((dim, axis) => Math.floor(dim * wanted[axis])) : wanted;
    if (wanted.length !== spatial.length || sizes.some((dim) => !Number.isInteger(dim) || dim < 1)) {
      throw new Error(`cannot resize to ${formatShape(sizes)}: sizes must be integers of at least 1, one per axis.`);
    }
    if (spatial.includes(0)) throw new Error('x is empty.');
    const taps = spatial.map((dim, axis) => {
      if (sizes[axis] === dim && (size !== undefined || wanted[axis] === 1)) return null; // every mode keeps the values
      const scale = size === undefined && mode !== 'area' ? 1 / wanted[axis] : dim / sizes[axis];
      return interpolationTaps(mode, dim, sizes[axis], scale, alignCorners);
    });
    if (rank === 3) return fromImage(resample2d(asImage(x), null, taps[0]));
    return resample2d(x, taps[0], taps[1]);
  });
