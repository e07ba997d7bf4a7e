// A two-dimensional convolution layer.

import type { Tensor } from '../../core/tensor.ts';
import { conv2d, pair, type Conv2dOptions, type Sizes } from '../../ops/conv/conv2d.ts';
import { ConvLayer } from './conv-layer.ts';
import { type ConvLayerOptions, padAround } from './conv-padding.ts';

/** Convolution as torch.nn.Conv2d: [N, in, H, W] → [N, out, H', W']. */
export class Conv2d extends ConvLayer<Conv2dOptions & ConvLayerOptions> {
  /** `kernel`: the weight is [out, in / groups, KH, KW]. */
  constructor(inChannels: number, outChannels: number, kernel: Sizes, options: Conv2dOptions & ConvLayerOptions = {}) {
    super([outChannels, inChannels / (options.groups ?? 1), ...pair(kernel)], outChannels, options);
  }

  forward(x: Tensor): Tensor {
    const { paddingMode = 'zeros', ...options } = this.options;
    if (paddingMode === 'zeros') return conv2d(x, this.weight, this.bias, options);
    const { padding = 0, stride = 1, dilation = 1 } = options;
    const window = {
      kernel: this.weight.shape.slice(2),
      stride: pair(stride),
      dilation: pair(dilation),
      padding: typeof padding === 'string' ? padding : pair(padding),
    };
    return conv2d(padAround(x, window, paddingMode), this.weight, this.bias, { ...options, padding: 0 });
  }
}
