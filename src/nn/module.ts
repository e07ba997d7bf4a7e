// The base of all layers and models: a tree of parameters whose property path is their name in a checkpoint.

import type { TensorData } from '../core/dtype.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import { Parameter, type Tensor } from '../core/tensor.ts';

/** What `loadStateDict` found wrong, all of it at once. */
export class StateDictError extends Error {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshapen: readonly string[];

  constructor(model: string, missing: readonly string[], unexpected: readonly string[], misshapen: readonly string[]) {
    const part = (title: string, names: readonly string[]) =>
      names.length > 0 ? `\n  ${title}: ${names.join(', ')}` : '';
    super(
      `These weights are not for ${model}:` +
        part('missing', missing) +
        part('unexpected', unexpected) +
        part('other shape or type', misshapen),
    );
    this.name = 'StateDictError';
    this.missing = missing;
    this.unexpected = unexpected;
    this.misshapen = misshapen;
  }
}

/**
 * A layer or model. Parameters and modules held in properties (also in arrays) are found by themselves. `Output` is what
 * its forward gives: one tensor, or several by name, such as a recurrent network's outputs and last state.
 */
export abstract class Module<Output = Tensor> {
  /** Whether dropout and the like are active: set by train() and eval(), read while a function is traced. */
  training = true;
  /** What errors call it. Models set it, as a minified bundle shortens the names of classes. */
  readonly title: string = this.constructor.name;

  abstract forward(...inputs: Tensor[]): Output;

  /** All parameters under their checkpoint names, such as `c1.weight`, in the order of the properties. */
  namedParameters(prefix = ''): Map<string, Parameter> {
    const found = new Map<string, Parameter>();
    const collect = (name: string, value: unknown) => {
      if (value instanceof Parameter) found.set(name, value);
      else if (value instanceof Module)
        for (const [key, parameter] of value.namedParameters(`${name}.`)) found.set(key, parameter);
      else if (Array.isArray(value)) value.forEach((item, i) => collect(`${name}.${i}`, item));
    };
    for (const [name, value] of Object.entries(this)) collect(prefix + name, value);
    return found;
  }

  /** The parameters that an optimizer should change, each once. */
  parameters(): Parameter[] {
    return [...new Set(this.namedParameters().values())].filter(({ trainable }) => trainable);
  }

  /** All values by name, read from wherever they are newest. */
  async stateDict(): Promise<Map<string, TensorData>> {
    const entries = [...this.namedParameters()].map(
      async ([name, parameter]) => [name, await parameter.read()] as const,
    );
    return new Map(await Promise.all(entries));
  }

  /** Sets all values. Nothing is changed, and a StateDictError tells all that is wrong, unless every name and shape fits. */
  loadStateDict(values: ReadonlyMap<string, TensorData>): void {
    const parameters = this.namedParameters();
    const describe = (x: { dtype: string; shape: readonly number[] }) => `${x.dtype}${formatShape(x.shape)}`;
    const missing = [...parameters.keys()].filter((name) => !values.has(name));
    const unexpected = [...values.keys()].filter((name) => !parameters.has(name));
    const misshapen = [...parameters].flatMap(([name, parameter]) => {
      const value = values.get(name);
      if (!value || (sameShape(value.shape, parameter.shape) && value.dtype === parameter.dtype)) return [];
      return [`${name} (is ${describe(value)}, needs ${describe(parameter)})`];
    });
    if (missing.length + unexpected.length + misshapen.length > 0) {
      throw new StateDictError(this.title, missing, unexpected, misshapen);
    }
    for (const [name, parameter] of parameters) parameter.write(values.get(name)!);
  }

  /** Switches this module and all below it to training. */
  train(training = true): this {
    this.training = training;
    for (const value of Object.values(this).flat(Infinity)) if (value instanceof Module) value.train(training);
    return this;
  }

  /** Switches this module and all below it to inference. */
  eval(): this {
    return this.train(false);
  }
}
