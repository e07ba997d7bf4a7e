// Stochastic gradient descent with momentum.

import type { Parameter } from '../core/parameter.ts';
import { Scalar, type Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { add, mul, sub } from '../ops/elementwise/binary.ts';
import { Optimizer, type Parameters } from './optimizer.ts';

export interface SGDOptions {
  readonly learningRate?: number;
  /** 0, the default, keeps no state. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty, added to the gradient as in torch. */
  readonly weightDecay?: number;
}

/**
 * torch.optim.SGD: v ← momentum · v + g, then p ← p − learningRate · v (or g + momentum · v with Nesterov); without momentum
 * v is g. Throws for `nesterov` without momentum.
 */
export class SGD extends Optimizer {
  readonly kind = 'SGD';
  /** Undefined if it was 0: then no velocity is kept. */
  readonly momentum: Scalar | undefined;
  readonly #nesterov: boolean;
  readonly #velocity: readonly Parameter[];

  constructor(parameters: Parameters, options: SGDOptions = {}) {
    const { learningRate = 0.01, momentum = 0, nesterov = false, weightDecay = 0 } = options;
    super(parameters, learningRate, weightDecay);
    if (nesterov && momentum === 0) throw new Error('SGD: nesterov needs a momentum above 0, such as 0.9.');
    this.momentum = momentum === 0 ? undefined : new Scalar('momentum', momentum);
    this.#nesterov = nesterov;
    this.#velocity = this.momentum ? this.parameters.map((parameter, i) => this.slot(`velocity.${i}`, parameter)) : [];
  }

  override hyperparameters(): ReadonlyMap<string, Scalar> {
    return new Map([...super.hyperparameters(), ...(this.momentum ? [['momentum', this.momentum] as const] : [])]);
  }

  protected update(p: Parameter, gradient: Tensor, index: number): Tensor {
    const g = add(gradient, mul(p, this.decayOf(index)));
    const step = (direction: Tensor) => sub(p, mul(direction, this.rateOf(index)));
    if (!this.momentum) return step(g);
    const velocity = add(mul(this.#velocity[index], this.momentum), g);
    assign(this.#velocity[index], velocity);
    return step(this.#nesterov ? add(g, mul(velocity, this.momentum)) : velocity);
  }
}
