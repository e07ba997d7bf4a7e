// RMSprop and Adagrad: steps divided by the root of the squared gradients' running mean, or of their sum.

import type { Parameter } from '../core/parameter.ts';
import type { Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { add, div, maximum, mul, sub } from '../ops/elementwise/binary.ts';
import { sqrt, square } from '../ops/elementwise/unary.ts';
import { Optimizer, type Parameters } from './optimizer.ts';

export interface RMSpropOptions {
  readonly learningRate?: number;
  /** Decay of the running means. */
  readonly alpha?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  /** Divides by the standard deviation of the gradient rather than by its root mean square. */
  readonly centered?: boolean;
}

/** RMSprop (Hinton, 2012; centered: Graves, 2013) as torch.optim.RMSprop: epsilon is added after the root. */
export class RMSprop extends Optimizer {
  readonly kind = 'RMSprop';
  readonly #alpha: number;
  readonly #epsilon: number;
  readonly #momentum: number;
  readonly #squares: readonly Parameter[];
  readonly #means: readonly Parameter[];
  readonly #velocity: readonly Parameter[];

  constructor(parameters: Parameters, options: RMSpropOptions = {}) {
    const {
      learningRate = 0.01,
      alpha = 0.99,
      epsilon = 1e-8,
      weightDecay = 0,
      momentum = 0,
      centered = false,
    } = options;
    super(parameters, learningRate, weightDecay);
    this.#alpha = alpha;
    this.#epsilon = epsilon;
    this.#momentum = momentum;
    const slots = (name: string, wanted: boolean) =>
      wanted ? this.parameters.map((parameter, i) => this.slot(`${name}.${i}`, parameter)) : [];
    this.#squares = slots('square', true);
    this.#means = slots('mean', centered);
    this.#velocity = slots('velocity', momentum !== 0);
  }

  protected update(p: Parameter, gradient: Tensor, index: number): Tensor {
    const g = add(gradient, mul(p, this.decayOf(index)));
    const moved = (state: Parameter, value: Tensor) => {
      const next = add(mul(state, this.#alpha), mul(value, 1 - this.#alpha));
      assign(state, next);
      return next;
    };
    const squares = moved(this.#squares[index], square(g));
    const mean = this.#means[index] && moved(this.#means[index], g);
    // Rounding can make the difference of two nearly equal numbers negative.
    const variance = mean ? maximum(sub(squares, square(mean)), 0) : squares;
    const step = div(g, add(sqrt(variance), this.#epsilon));
    const velocity = this.#velocity[index];
    if (!velocity) return sub(p, mul(step, this.rateOf(index)));
    const moving = add(mul(velocity, this.#momentum), step);
    assign(velocity, moving);
    return sub(p, mul(moving, this.rateOf(index)));
  }
}

export interface AdagradOptions {
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly epsilon?: number;
}

/** Adagrad (Duchi, Hazan and Singer, 2011) as torch.optim.Adagrad; use a schedule instead of its lr_decay. */
export class Adagrad extends Optimizer {
  readonly kind = 'Adagrad';
  readonly #epsilon: number;
  readonly #sums: readonly Parameter[];

  constructor(parameters: Parameters, options: AdagradOptions = {}) {
    const { learningRate = 0.01, weightDecay = 0, epsilon = 1e-10 } = options;
    super(parameters, learningRate, weightDecay);
    this.#epsilon = epsilon;
    this.#sums = this.parameters.map((parameter, i) => this.slot(`sum.${i}`, parameter));
  }

  protected update(p: Parameter, gradient: Tensor, index: number): Tensor {
    const g = add(gradient, mul(p, this.decayOf(index)));
    const total = add(this.#sums[index], square(g));
    assign(this.#sums[index], total);
    return sub(p, mul(div(g, add(sqrt(total), this.#epsilon)), this.rateOf(index)));
  }
}
