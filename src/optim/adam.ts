// Adam and AdamW: steps scaled by running means of the gradient and of its square.

import type { Parameter } from '../core/parameter.ts';
import type { Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { add, div, maximum, mul, sub } from '../ops/elementwise/binary.ts';
import { sqrt, square } from '../ops/elementwise/unary.ts';
import { Optimizer, type Parameters } from './optimizer.ts';

export interface AdamOptions {
  readonly learningRate?: number;
  /** Decay of the running means of the gradient and of its square. */
  readonly betas?: readonly [number, number];
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** Divides by the largest mean square so far rather than by the latest (AMSGrad; Reddi, Kale and Kumar, 2018). */
  readonly amsgrad?: boolean;
}

/** Adam (Kingma and Ba, 2015) as torch.optim.Adam: weight decay is added to the gradient. */
export class Adam extends Optimizer {
  readonly kind: string = 'Adam';
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  /** 1 − βᵗ for each β after t steps, accumulated like the means themselves: 1 − pow(β, t) would cancel in f32. */
  readonly #corrections: readonly [Parameter, Parameter];
  readonly #means: readonly Parameter[];
  readonly #squares: readonly Parameter[];
  readonly #largest: readonly Parameter[];
  #stepSize!: Tensor;
  #rootCorrection!: Tensor;

  constructor(parameters: Parameters, options: AdamOptions = {}) {
    const { learningRate = 0.001, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0, amsgrad = false } = options;
    super(parameters, learningRate, weightDecay);
    this.#betas = betas;
    this.#epsilon = epsilon;
    const one = { shape: [], dtype: 'f32' } as const;
    this.#corrections = [this.slot('meanCorrection', one), this.slot('squareCorrection', one)];
    this.#means = this.parameters.map((parameter, i) => this.slot(`mean.${i}`, parameter));
    this.#squares = this.parameters.map((parameter, i) => this.slot(`square.${i}`, parameter));
    this.#largest = amsgrad ? this.parameters.map((parameter, i) => this.slot(`largestSquare.${i}`, parameter)) : [];
  }

  protected override beginStep(): void {
    const [meanCorrection, squareCorrection] = this.#corrections.map((correction, i) => {
      const grown = add(mul(correction, this.#betas[i]), 1 - this.#betas[i]);
      assign(correction, grown);
      return grown;
    });
    this.#stepSize = div(this.learningRate, meanCorrection);
    this.#rootCorrection = sqrt(squareCorrection);
  }

  protected update(p: Parameter, gradient: Tensor, index: number): Tensor {
    return this.descend(p, add(gradient, mul(p, this.decayOf(index))), index);
  }

  /** p − learningRate · m̂ / (√v̂ + ε) with bias-corrected means m̂ of g and v̂ of g². */
  protected descend(p: Tensor, g: Tensor, index: number): Tensor {
    const [beta1, beta2] = this.#betas;
    const mean = add(mul(this.#means[index], beta1), mul(g, 1 - beta1));
    const squares = add(mul(this.#squares[index], beta2), mul(square(g), 1 - beta2));
    assign(this.#means[index], mean);
    assign(this.#squares[index], squares);
    const largest = this.#largest[index] && maximum(this.#largest[index], squares);
    if (largest) assign(this.#largest[index], largest);
    const scale = add(div(sqrt(largest ?? squares), this.#rootCorrection), this.#epsilon);
    return sub(p, mul(this.rateOf(index, this.#stepSize), div(mean, scale)));
  }
}

/** AdamW (Loshchilov and Hutter, 2019) as torch.optim.AdamW: weight decay is decoupled from the gradient. */
export class AdamW extends Adam {
  override readonly kind = 'AdamW';
  constructor(parameters: Parameters, options: AdamOptions = {}) {
    super(parameters, { weightDecay: 0.01, ...options });
  }

  protected override update(p: Parameter, gradient: Tensor, index: number): Tensor {
    return this.descend(sub(p, mul(p, mul(this.rateOf(index), this.decayOf(index)))), gradient, index);
  }
}
