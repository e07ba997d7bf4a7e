// A fully connected layer.

import type { Parameter, Tensor } from '../../core/tensor.ts';
import { linear } from '../../ops/matmul/linear.ts';
import { defaultBound, uniformParameter } from '../init.ts';
import { Module } from '../module.ts';

/** y = x · weightᵀ + bias, as torch.nn.Linear: [..., in] → [..., out]. */
export class Linear extends Module {
  /** [out, in] */
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true } = {}) {
    super();
    const bound = defaultBound([outFeatures, inFeatures]);
    this.weight = uniformParameter('weight', [outFeatures, inFeatures], bound);
    this.bias = bias ? uniformParameter('bias', [outFeatures], bound) : null;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
