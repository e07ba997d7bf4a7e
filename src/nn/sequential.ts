// A sequence of modules.

import type { Tensor } from '../core/tensor.ts';
import { Module, type Layer } from './module.ts';

/** Feeds each module's output to the next, as torch.nn.Sequential: parameters are named `0.weight`, `2.weight` … */
export class Sequential extends Module {
  readonly #modules: readonly Layer[];

  constructor(...modules: Layer[]) {
    super();
    this.#modules = modules;
    // As properties 0, 1, 2 …, in which parameters are found.
    Object.assign(this, modules);
  }

  forward(x: Tensor): Tensor {
    return this.#modules.reduce((value, module) => module.forward(value), x);
  }
}
