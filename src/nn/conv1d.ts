// A convolution layer for sequences.

import type { Parameter, Tensor } from '../core/tensor.ts';
import { conv1d, type Conv1dOptions } from '../ops/convolutions.ts';
import { defaultBound, uniformParameter } from './init.ts';
import { Module } from './module.ts';

/** Convolution as torch.nn.Conv1d: [N, in, L] → [N, out, L']. */
export class Conv1d extends Module {
  /** [out, in / groups, K] */
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;
  readonly #options: Conv1dOptions;

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    options: Conv1dOptions & { readonly bias?: boolean } = {},
  ) {
    super();
    const shape = [outChannels, inChannels / (options.groups ?? 1), kernel];
    const bound = defaultBound(shape);
    this.weight = uniformParameter('weight', shape, bound);
    this.bias = options.bias === false ? null : uniformParameter('bias', [outChannels], bound);
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias ?? undefined, this.#options);
  }
}
