// Pooling layers. They have no parameters: they are there so that a model can be written as a list of layers.

import type { Tensor } from '../core/tensor.ts';
import type { Sizes } from '../ops/conv2d.ts';
import {
  adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool1d, avgPool2d, maxPool1d, maxPool2d,
  type AvgPoolOptions, type MaxPoolOptions, type OutputSize,
} from '../ops/pooling.ts'; // prettier-ignore
import { Module } from './module.ts';

/** A layer that calls one function with what its constructor was given. */
abstract class Pool<Size, Options> extends Module {
  readonly #call: (x: Tensor, size: Size, options?: Options) => Tensor;
  readonly #size: Size;
  readonly #options: Options | undefined;

  constructor(call: (x: Tensor, size: Size, options?: Options) => Tensor, size: Size, options?: Options) {
    super();
    this.#call = call;
    this.#size = size;
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return this.#call(x, this.#size, this.#options);
  }
}

/** The largest value of each window, as torch.nn.MaxPool2d: [N, C, H, W] → [N, C, H', W']. */
export class MaxPool2d extends Pool<Sizes, MaxPoolOptions> {
  constructor(kernel: Sizes, options?: MaxPoolOptions) {
    super(maxPool2d, kernel, options);
  }
}

/** The mean of each window, as torch.nn.AvgPool2d: [N, C, H, W] → [N, C, H', W']. */
export class AvgPool2d extends Pool<Sizes, AvgPoolOptions> {
  constructor(kernel: Sizes, options?: AvgPoolOptions) {
    super(avgPool2d, kernel, options);
  }
}

type Options1d<F extends (...args: never) => Tensor> = Parameters<F>[2];

/** The largest value of each window, as torch.nn.MaxPool1d: [N, C, L] → [N, C, L']. */
export class MaxPool1d extends Pool<number, Options1d<typeof maxPool1d>> {
  constructor(kernel: number, options?: Options1d<typeof maxPool1d>) {
    super(maxPool1d, kernel, options);
  }
}

/** The mean of each window, as torch.nn.AvgPool1d: [N, C, L] → [N, C, L']. */
export class AvgPool1d extends Pool<number, Options1d<typeof avgPool1d>> {
  constructor(kernel: number, options?: Options1d<typeof avgPool1d>) {
    super(avgPool1d, kernel, options);
  }
}

/** Means over as many windows as wanted, as torch.nn.AdaptiveAvgPool2d: [N, C, H, W] → [N, C, outputSize]. */
export class AdaptiveAvgPool2d extends Pool<OutputSize, never> {
  constructor(outputSize: OutputSize) {
    super(adaptiveAvgPool2d, outputSize);
  }
}

/** Largest values of as many windows as wanted, as torch.nn.AdaptiveMaxPool2d: [N, C, H, W] → [N, C, outputSize]. */
export class AdaptiveMaxPool2d extends Pool<OutputSize, never> {
  constructor(outputSize: OutputSize) {
    super(adaptiveMaxPool2d, outputSize);
  }
}
