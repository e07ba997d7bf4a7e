// The base of optimizers: state beside each parameter, and a step that becomes part of the compiled graph.

import type { TensorData } from '../core/dtype.ts';
import { Parameter, Scalar, type Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';

/** Changes parameters by their gradients. Hyperparameters are scalars: set `.value` at any time, also while training. */
export abstract class Optimizer {
  /** The class's name, which checkpoints keep; a minified bundle would shorten `constructor.name`. */
  abstract readonly kind: string;
  readonly parameters: readonly Parameter[];
  /** Size of a step. */
  readonly learningRate: Scalar;
  readonly #state = new Map<string, Parameter>();

  constructor(parameters: readonly Parameter[], learningRate: number) {
    if (parameters.length === 0) throw new Error('An optimizer needs parameters, but the list is empty.');
    this.parameters = parameters;
    this.learningRate = new Scalar('learningRate', learningRate);
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

  /** State in the shape of `like`, zeros at first. */
  protected slot(name: string, like: { shape: readonly number[]; dtype: Parameter['dtype'] }): Parameter {
    const state = Parameter.zeros(name, like);
    this.#state.set(name, state);
    return state;
  }
}
