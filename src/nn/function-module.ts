// Wraps functions without parameters as modules, for lists of layers; elsewhere the functions read better.

import type { Tensor } from '../core/tensor.ts';
import { Module, type Layer } from './module.ts';

/** A module class around a function; its constructor takes the function's settings. */
export function moduleOf<Settings extends unknown[]>(
  apply: (x: Tensor, ...settings: Settings) => Tensor,
): new (...settings: Settings) => Layer {
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
