// Transposed convolution layers, of sequences and of images.

import type { Tensor } from '../../core/tensor.ts';
import { pair, type Sizes } from '../../ops/conv/conv2d.ts';
import {
  convTranspose1d, convTranspose2d, type ConvTranspose1dOptions, type ConvTranspose2dOptions,
} from '../../ops/conv/convolutions.ts'; // prettier-ignore
import { ConvLayer } from './conv-layer.ts';

interface LayerOptions {
  readonly groups?: number;
  readonly bias?: boolean;
}

/** [in, out / groups, ...kernel] */
const weightShape = (
  inChannels: number,
  outChannels: number,
  kernel: readonly number[],
  { groups = 1 }: LayerOptions,
) => [inChannels, outChannels / groups, ...kernel];

/** Transposed convolution as torch.nn.ConvTranspose2d: [N, in, H, W] → [N, out, H', W']. */
export class ConvTranspose2d extends ConvLayer<ConvTranspose2dOptions & LayerOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Sizes,
    options: ConvTranspose2dOptions & LayerOptions = {},
  ) {
    super(weightShape(inChannels, outChannels, pair(kernel), options), outChannels, options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }
}

/** Transposed convolution as torch.nn.ConvTranspose1d: [N, in, L] → [N, out, L']. */
export class ConvTranspose1d extends ConvLayer<ConvTranspose1dOptions & LayerOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    options: ConvTranspose1dOptions & LayerOptions = {},
  ) {
    super(weightShape(inChannels, outChannels, [kernel], options), outChannels, options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, this.options);
  }
}
