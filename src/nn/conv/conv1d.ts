// A convolution layer for sequences.

import type { Tensor } from '../../core/tensor.ts';
import { conv1d, type Conv1dOptions } from '../../ops/conv/convolutions.ts';
import { ConvLayer } from './conv-layer.ts';
import { type ConvLayerOptions, padAround } from './conv-padding.ts';

/** Convolution as torch.nn.Conv1d: [N, in, L] → [N, out, L']. */
export class Conv1d extends ConvLayer<Conv1dOptions & ConvLayerOptions> {
  /** `kernel`: the weight is [out, in / groups, K]. */
  constructor(inChannels: number, outChannels: number, kernel: number, options: Conv1dOptions & ConvLayerOptions = {}) {
    super([outChannels, inChannels / (options.groups ?? 1), kernel], outChannels, options);
  }

  forward(x: Tensor): Tensor {
    const { paddingMode = 'zeros', ...options } = this.options;
    if (paddingMode === 'zeros') return conv1d(x, this.weight, this.bias, options);
    const { padding = 0, stride = 1, dilation = 1 } = options;
    const window = {
      kernel: this.weight.shape.slice(2),
      stride: [stride],
      dilation: [dilation],
      padding: typeof padding === 'string' ? padding : [padding],
    };
    return conv1d(padAround(x, window, paddingMode), this.weight, this.bias, { ...options, padding: 0 });
  }
}
