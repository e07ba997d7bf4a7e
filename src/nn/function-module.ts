// Modules around functions without parameters, for lists of layers; elsewhere the functions read better.

import type { Tensor } from '../core/tensor.ts';
import { Module } from './module.ts';

/** What such a module is: one tensor in, one out. */
export interface FunctionModule extends Module {
  forward(x: Tensor): Tensor;
}

/** A module class around a function; its constructor takes the function's settings. */
export function moduleOf<Settings extends unknown[]>(
  apply: (x: Tensor, ...settings: Settings) => Tensor,
): new (...settings: Settings) => FunctionModule {
  return class extends Module {
    readonly #settings: Settings;

    constructor(...settings: Settings) {
      super();
      this.#settings = settings;
    }

    forward(x: Tensor): Tensor {
      return apply(x, ...this.#settings);
    }
  };
}
