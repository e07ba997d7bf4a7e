// Stochastic gradient descent with momentum.

import { Scalar, type Parameter, type Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { add, mul, sub } from '../ops/binary.ts';
import { Optimizer, type Parameters } from './optimizer.ts';

export interface SGDOptions {
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty, added to the gradient as in torch. */
  readonly weightDecay?: number;
}

/** torch.optim.SGD: v ← momentum · v + g, then p ← p − learningRate · v (or g + momentum · v with Nesterov). */
export class SGD extends Optimizer {
  readonly kind = 'SGD';
  readonly momentum: Scalar;
  readonly #nesterov: boolean;
  readonly #velocity: readonly Parameter[];

  constructor(parameters: Parameters, options: SGDOptions = {}) {
    const { learningRate = 0.01, momentum = 0, nesterov = false, weightDecay = 0 } = options;
    super(parameters, learningRate, weightDecay);
    this.momentum = new Scalar('momentum', momentum);
    this.#nesterov = nesterov;
    this.#velocity = this.parameters.map((parameter, i) => this.slot(`velocity.${i}`, parameter));
  }

  protected update(p: Parameter, gradient: Tensor, index: number): Tensor {
    const g = add(gradient, mul(p, this.decayOf(index)));
    const velocity = add(mul(this.#velocity[index], this.momentum), g);
    assign(this.#velocity[index], velocity);
    const direction = this.#nesterov ? add(g, mul(velocity, this.momentum)) : velocity;
    return sub(p, mul(direction, this.rateOf(index)));
  }
}
