// Transposed convolution layers, of sequences and of images.

import type { Parameter, Tensor } from '../core/tensor.ts';
import { pair, type Sizes } from '../ops/conv2d.ts';
import {
  convTranspose1d, convTranspose2d, type ConvTranspose1dOptions, type ConvTranspose2dOptions,
} from '../ops/convolutions.ts'; // prettier-ignore
import { defaultBound, uniformParameter } from './init.ts';
import { Module } from './module.ts';

interface LayerOptions {
  readonly groups?: number;
  readonly bias?: boolean;
}

/** What both layers share: weight [in, out / groups, ...kernel] and bias [out], spread as in torch. */
abstract class ConvTranspose<Options extends LayerOptions> extends Module {
  /** [in, out / groups, KH, KW], or [in, out / groups, K] */
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;
  protected readonly options: Options;

  constructor(inChannels: number, outChannels: number, kernel: readonly number[], options: Options) {
    super();
    const shape = [inChannels, outChannels / (options.groups ?? 1), ...kernel];
    const bound = defaultBound(shape); // of the axes behind the first, here too
    this.weight = uniformParameter('weight', shape, bound);
    this.bias = options.bias === false ? null : uniformParameter('bias', [outChannels], bound);
    this.options = options;
  }
}

/** Transposed convolution as torch.nn.ConvTranspose2d: [N, in, H, W] → [N, out, H', W']. */
export class ConvTranspose2d extends ConvTranspose<ConvTranspose2dOptions & LayerOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Sizes,
    options: ConvTranspose2dOptions & LayerOptions = {},
  ) {
    super(inChannels, outChannels, pair(kernel), options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias ?? undefined, this.options);
  }
}

/** Transposed convolution as torch.nn.ConvTranspose1d: [N, in, L] → [N, out, L']. */
export class ConvTranspose1d extends ConvTranspose<ConvTranspose1dOptions & LayerOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    options: ConvTranspose1dOptions & LayerOptions = {},
  ) {
    super(inChannels, outChannels, [kernel], options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias ?? undefined, this.options);
  }
}
