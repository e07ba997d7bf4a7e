// Dropout: active during training only.

import type { Tensor } from '../../core/tensor.ts';
import { isTraining } from '../../core/trace.ts';
import { dropout } from '../../ops/random/random.ts';
import { Module } from '../module.ts';

/** Sets each value to 0 with probability `p` during training, as torch.nn.Dropout. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return isTraining() ? dropout(x, this.p) : x;
  }
}
