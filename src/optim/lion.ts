// Lion: steps of equal size, along the sign of the momentum.

import type { Parameter } from '../core/parameter.ts';
import type { Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { add, mul, sub } from '../ops/elementwise/binary.ts';
import { sign } from '../ops/elementwise/unary.ts';
import { Optimizer, type Parameters } from './optimizer.ts';

export interface LionOptions {
  readonly learningRate?: number;
  /** Weight of the momentum in the step, and in the next momentum. */
  readonly betas?: readonly [number, number];
  readonly weightDecay?: number;
}

/**
 * Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023): half of Adam's memory. Use learning rates 3 to 10
 * times smaller than AdamW's, and weight decays larger by the same factor.
 */
export class Lion extends Optimizer {
  readonly kind = 'Lion';
  readonly #betas: readonly [number, number];
  readonly #momentum: readonly Parameter[];

  constructor(parameters: Parameters, options: LionOptions = {}) {
    const { learningRate = 1e-4, betas = [0.9, 0.99], weightDecay = 0 } = options;
    super(parameters, learningRate, weightDecay);
    this.#betas = betas;
    this.#momentum = this.parameters.map((parameter, i) => this.slot(`momentum.${i}`, parameter));
  }

  protected update(p: Parameter, g: Tensor, index: number): Tensor {
    const momentum = this.#momentum[index];
    const mixed = (beta: number) => add(mul(momentum, beta), mul(g, 1 - beta));
    assign(momentum, mixed(this.#betas[1]));
    const kept = sub(p, mul(p, mul(this.rateOf(index), this.decayOf(index))));
    return sub(kept, mul(sign(mixed(this.#betas[0])), this.rateOf(index)));
  }
}
