// Base class of optimizers: state for each parameter, and a step that becomes part of the compiled graph.

import type { TensorData } from '../core/dtype.ts';
import { Buffer, Parameter } from '../core/parameter.ts';
import { Scalar, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { mul } from '../ops/elementwise/binary.ts';

/** Parameters with settings of their own, such as biases and norms that should not decay. */
export interface ParameterGroup {
  readonly parameters: readonly Parameter[];
  /** Overrides the optimizer's. */
  readonly weightDecay?: number;
  /** Multiplies the optimizer's learning rate; 1 by default. */
  readonly rateFactor?: number;
}

/** What an optimizer updates: parameters, or groups of them. */
export type Parameters = readonly Parameter[] | readonly ParameterGroup[];

/** A group's settings, resolved for each of its parameters. */
interface GroupSettings {
  readonly weightDecay: Scalar;
  readonly rateFactor: number;
}

const isGroup = (value: Parameter | ParameterGroup): value is ParameterGroup => !(value instanceof Parameter);

/** Updates parameters by their gradients. Hyperparameters are scalars: set `.value` at any time, even during training. */
export abstract class Optimizer {
  /** Class name, stored in checkpoints; `constructor.name` would be minified in a bundle. */
  abstract readonly kind: string;
  /** All parameters, in the order of the groups. */
  readonly parameters: readonly Parameter[];
  readonly learningRate: Scalar;
  /** Default for groups without a weight decay of their own. */
  readonly weightDecay: Scalar;
  /** Weight decay of each group, in order. */
  readonly groupDecays: readonly Scalar[];
  readonly #settings: readonly GroupSettings[];
  readonly #state = new Map<string, Parameter>();

  constructor(parameters: Parameters, learningRate: number, weightDecay = 0) {
    this.learningRate = new Scalar('learningRate', learningRate);
    this.weightDecay = new Scalar('weightDecay', weightDecay);
    const groups = [...parameters].map((value) => (isGroup(value) ? value : { parameters: [value] }));
    this.groupDecays = groups.map((group) =>
      group.weightDecay === undefined ? this.weightDecay : new Scalar('weightDecay', group.weightDecay),
    );
    this.parameters = groups.flatMap((group) => group.parameters);
    this.#settings = groups.flatMap(({ parameters: members, rateFactor = 1 }, i) =>
      members.map(() => ({ weightDecay: this.groupDecays[i], rateFactor })),
    );
    if (this.parameters.length === 0)
      throw new Error('An optimizer needs at least one parameter, but the list is empty.');
    const buffer = this.parameters.find((parameter) => parameter instanceof Buffer);
    if (buffer)
      throw new Error(`An optimizer updates parameters, but ${buffer.name} is a buffer; update it with assign().`);
    const twice = this.parameters.find((parameter, i) => this.parameters.indexOf(parameter) !== i);
    if (twice) throw new Error(`An optimizer updates each parameter once, but ${twice.name} is listed twice.`);
  }

  /** Records one update of every parameter; `gradients` are in the order of `parameters`. Call it inside compile(). */
  step(gradients: readonly Tensor[]): void {
    if (gradients.length !== this.parameters.length) {
      throw new Error(
        `step: expected a gradient for each of ${this.parameters.length} parameters, but got ${gradients.length}.`,
      );
    }
    this.beginStep();
    this.parameters.forEach((parameter, i) => assign(parameter, this.update(parameter, gradients[i], i)));
  }

  /** Scalars that may be set during training, by name, for checkpoints. */
  hyperparameters(): ReadonlyMap<string, Scalar> {
    const own = [...new Set(this.groupDecays)].filter((decay) => decay !== this.weightDecay);
    return new Map([
      ['learningRate', this.learningRate],
      ['weightDecay', this.weightDecay],
      ...own.map((decay, i) => [`weightDecay.${i}`, decay] as const),
    ]);
  }

  /** All state by name, for checkpoints. */
  state(): ReadonlyMap<string, Parameter> {
    return this.#state;
  }

  /** The newest values of the state. */
  async stateDict(): Promise<Map<string, TensorData>> {
    const entries = [...this.#state].map(async ([name, parameter]) => [name, await parameter.read()] as const);
    return new Map(await Promise.all(entries));
  }

  /** Records what all parameters share in one step, such as the step count. */
  protected beginStep(): void {}

  /** The parameter's next value. */
  protected abstract update(parameter: Parameter, gradient: Tensor, index: number): Tensor;

  /** The weight decay of the parameter with this index. */
  protected decayOf(index: number): Scalar {
    return this.#settings[index].weightDecay;
  }

  /** `rate`, the learning rate or a value derived from it, scaled for the parameter with this index. */
  protected rateOf(index: number, rate: Tensor = this.learningRate): Tensor {
    const { rateFactor } = this.#settings[index];
    return rateFactor === 1 ? rate : mul(rate, rateFactor);
  }

  /** State with the shape and dtype of `like`, initially zero. */
  protected slot(name: string, like: TensorSpec): Buffer {
    const state = Buffer.zeros(like, { name });
    this.#state.set(name, state);
    return state;
  }
}
