// Layers without parameters that change the size of images: interpolation, pixel shuffle, padding.

import type { Tensor } from '../../core/tensor.ts';
import { interpolate } from '../../ops/conv/interpolate.ts';
import { pad, type PadOptions } from '../../ops/movement/pad.ts';
import { channelShuffle, pixelShuffle, pixelUnshuffle } from '../../ops/conv/pixel-shuffle.ts';
import { moduleOf } from '../function-module.ts';
import { Module } from '../module.ts';

/** Images or sequences of another size, as torch.nn.Upsample. */
export class Upsample extends moduleOf(interpolate) {}
/** [..., C · r², H, W] → [..., C, H · r, W · r], as torch.nn.PixelShuffle: `new PixelShuffle(r)`. */
export class PixelShuffle extends moduleOf(pixelShuffle) {}
/** [..., C, H · r, W · r] → [..., C · r², H, W], as torch.nn.PixelUnshuffle: `new PixelUnshuffle(r)`. */
export class PixelUnshuffle extends moduleOf(pixelUnshuffle) {}
/** Mixes the channels of groups, as torch.nn.ChannelShuffle: `new ChannelShuffle(groups)`, [N, C, H, W] → [N, C, H, W]. */
export class ChannelShuffle extends moduleOf(channelShuffle) {}

/** The padding of each edge: one number for all, or [left, right, top, bottom], as in torch. */
export type EdgePadding = number | readonly [left: number, right: number, top: number, bottom: number];

/** What all padding layers share: [..., H, W] → [..., top + H + bottom, left + W + right]. */
abstract class Pad2d extends Module {
  readonly #padding: readonly [number, number, number, number];
  readonly #options: PadOptions;

  constructor(padding: EdgePadding, options: PadOptions) {
    super();
    this.#padding = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    const [left, right, top, bottom] = this.#padding;
    if (x.shape.length < 2)
      throw new Error(`${this.title}: the input must be [..., H, W], but is [${x.shape.join(', ')}].`);
    const outer = x.shape.slice(2).map(() => 0); // for the axes before height and width
    return pad(x, [...outer, top, left], [...outer, bottom, right], this.#options);
  }
}

/** Zeros around images, as torch.nn.ZeroPad2d. */
export class ZeroPad2d extends Pad2d {
  constructor(padding: EdgePadding) {
    super(padding, {});
  }
}

/** One value around images, as torch.nn.ConstantPad2d. */
export class ConstantPad2d extends Pad2d {
  constructor(padding: EdgePadding, value: number) {
    super(padding, { value });
  }
}

/** Images mirrored at their edges, as torch.nn.ReflectionPad2d. */
export class ReflectionPad2d extends Pad2d {
  constructor(padding: EdgePadding) {
    super(padding, { mode: 'reflect' });
  }
}

/** Images with repeated edge values, as torch.nn.ReplicationPad2d. */
export class ReplicationPad2d extends Pad2d {
  constructor(padding: EdgePadding) {
    super(padding, { mode: 'replicate' });
  }
}

/** Images that wrap around, as torch.nn.CircularPad2d. */
export class CircularPad2d extends Pad2d {
  constructor(padding: EdgePadding) {
    super(padding, { mode: 'circular' });
  }
}
