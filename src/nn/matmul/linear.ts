// A fully connected layer.

import type { Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import { linear } from '../../ops/matmul/linear.ts';
import { defaultBound, filledParameter, uniformParameter } from '../init.ts';
import { Module } from '../module.ts';

/** y = x · weightᵀ + bias, as torch.nn.Linear: [..., in] → [..., out]. */
export class Linear extends Module {
  /** [out, in] */
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;

  /** `initialBias`: the bias's initial value, instead of torch's random ones. */
  constructor(
    inFeatures: number,
    outFeatures: number,
    { bias = true, initialBias }: { readonly bias?: boolean; readonly initialBias?: number } = {},
  ) {
    super();
    const bound = defaultBound([outFeatures, inFeatures]);
    this.weight = uniformParameter([outFeatures, inFeatures], bound);
    const initial =
      initialBias === undefined ? uniformParameter([outFeatures], bound) : filledParameter([outFeatures], initialBias);
    this.bias = bias ? initial : null;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
