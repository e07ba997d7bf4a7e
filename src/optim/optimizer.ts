// The base of optimizers: state beside each parameter, and a step that becomes part of the compiled graph.

import type { TensorData } from '../core/dtype.ts';
import { Buffer, Parameter } from '../core/parameter.ts';
import { Scalar, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { mul } from '../ops/elementwise/binary.ts';

/** Parameters with settings of their own, such as biases and norms that should not decay. */
export interface ParameterGroup {
  readonly parameters: readonly Parameter[];
  /** Instead of the optimizer's. */
  readonly weightDecay?: number;
  /** What the optimizer's learning rate is multiplied by: 1 by default. */
  readonly rateFactor?: number;
}

/** What an optimizer changes: parameters, or groups of them. */
export type Parameters = readonly Parameter[] | readonly ParameterGroup[];

/** A group's settings, as the update of a parameter uses them. */
interface GroupSettings {
  readonly weightDecay: Scalar;
  readonly rateFactor: number;
}

const isGroup = (value: Parameter | ParameterGroup): value is ParameterGroup => !(value instanceof Parameter);

/** Changes parameters by their gradients. Hyperparameters are scalars: set `.value` at any time, also while training. */
export abstract class Optimizer {
  /** The class's name, which checkpoints keep; a minified bundle would shorten `constructor.name`. */
  abstract readonly kind: string;
  /** All parameters, those of the first group first. */
  readonly parameters: readonly Parameter[];
  /** Size of a step. */
  readonly learningRate: Scalar;
  /** How much parameters shrink towards 0, where their group does not say it. */
  readonly weightDecay: Scalar;
  /** The weight decay of each group, in the order in which they were given. */
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
    if (this.parameters.length === 0) throw new Error('An optimizer needs parameters, but the list is empty.');
    const buffer = this.parameters.find((parameter) => parameter instanceof Buffer);
    if (buffer)
      throw new Error(`An optimizer changes parameters, but ${buffer.name} is a buffer; use assign() for it.`);
    const twice = this.parameters.find((parameter, i) => this.parameters.indexOf(parameter) !== i);
    if (twice) throw new Error(`An optimizer can change a parameter once, but ${twice.name} is given twice.`);
  }

  /** Records one update of every parameter; `gradients` are in the order of `parameters`. Call it inside compile(). */
  step(gradients: readonly Tensor[]): void {
    if (gradients.length !== this.parameters.length) {
      throw new Error(
        `step: ${this.parameters.length} parameters need as many gradients, but got ${gradients.length}.`,
      );
    }
    this.beginStep();
    this.parameters.forEach((parameter, i) => assign(parameter, this.update(parameter, gradients[i], i)));
  }

  /** The numbers that may be set while training, by name, for checkpoints. */
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

  /** The state's values, read from wherever they are newest. */
  async stateDict(): Promise<Map<string, TensorData>> {
    const entries = [...this.#state].map(async ([name, parameter]) => [name, await parameter.read()] as const);
    return new Map(await Promise.all(entries));
  }

  /** What all parameters share in one step, such as the step count. */
  protected beginStep(): void {}

  /** The parameter's next value. */
  protected abstract update(parameter: Parameter, gradient: Tensor, index: number): Tensor;

  /** The weight decay of the parameter with this index. */
  protected decayOf(index: number): Scalar {
    return this.#settings[index].weightDecay;
  }

  /** `rate`, the learning rate or what was made of it, for the parameter with this index. */
  protected rateOf(index: number, rate: Tensor = this.learningRate): Tensor {
    const { rateFactor } = this.#settings[index];
    return rateFactor === 1 ? rate : mul(rate, rateFactor);
  }

  /** State in the shape of `like`, zeros at first. */
  protected slot(name: string, like: TensorSpec): Buffer {
    const state = Buffer.zeros(like, { name });
    this.#state.set(name, state);
    return state;
  }
}
