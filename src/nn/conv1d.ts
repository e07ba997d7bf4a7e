// A convolution layer for sequences.

import type { Parameter, Tensor } from '../core/tensor.ts';
import { conv1d, type Conv1dOptions } from '../ops/convolutions.ts';
import { type ConvLayerOptions, padAround } from './conv-padding.ts';
import { defaultBound, uniformParameter } from './init.ts';
import { Module } from './module.ts';

/** Convolution as torch.nn.Conv1d: [N, in, L] → [N, out, L']. */
export class Conv1d extends Module {
  /** [out, in / groups, K] */
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;
  readonly #options: Conv1dOptions & ConvLayerOptions;

  constructor(inChannels: number, outChannels: number, kernel: number, options: Conv1dOptions & ConvLayerOptions = {}) {
    super();
    const shape = [outChannels, inChannels / (options.groups ?? 1), kernel];
    const bound = defaultBound(shape);
    this.weight = uniformParameter('weight', shape, bound);
    this.bias = options.bias === false ? null : uniformParameter('bias', [outChannels], bound);
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    const { paddingMode = 'zeros', ...options } = this.#options;
    const bias = this.bias ?? undefined;
    if (paddingMode === 'zeros') return conv1d(x, this.weight, bias, options);
    const { padding = 0, stride = 1, dilation = 1 } = options;
    const window = {
      kernel: this.weight.shape.slice(2),
      stride: [stride],
      dilation: [dilation],
      padding: typeof padding === 'string' ? padding : [padding],
    };
    return conv1d(padAround(x, window, paddingMode), this.weight, bias, { ...options, padding: 0 });
  }
}
