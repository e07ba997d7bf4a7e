// A two-dimensional convolution layer.

import type { Parameter, Tensor } from '../core/tensor.ts';
import { conv2d, pair, type Conv2dOptions, type Sizes } from '../ops/conv2d.ts';
import { defaultBound, uniformParameter } from './init.ts';
import { Module } from './module.ts';

interface Conv2dLayerOptions extends Conv2dOptions {
  readonly bias?: boolean;
}

/** Convolution as torch.nn.Conv2d: [N, in, H, W] → [N, out, H', W']. */
export class Conv2d extends Module {
  /** [out, in / groups, KH, KW] */
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;
  readonly #options: Conv2dLayerOptions;

  constructor(inChannels: number, outChannels: number, kernel: Sizes, options: Conv2dLayerOptions = {}) {
    super();
    const shape = [outChannels, inChannels / (options.groups ?? 1), ...pair(kernel)];
    const bound = defaultBound(shape);
    this.weight = uniformParameter('weight', shape, bound);
    this.bias = options.bias === false ? null : uniformParameter('bias', [outChannels], bound);
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias ?? undefined, this.#options);
  }
}
