// The state of a run: entries whose values can be read, saved and restored by name.

import type { TensorData } from '../core/dtype.ts';
import type { Buffer, Parameter } from '../core/parameter.ts';
import { RandomState } from '../core/trace.ts';
import { configOf } from '../nn/likely-causes.ts';
import { Module } from '../nn/module.ts';
import { matchState, stateError, type Target } from '../nn/state-dict.ts';
import { isMismatch } from '../nn/weights-error.ts';
import type { Optimizer } from '../optim/optimizer.ts';

type Named<T> = Readonly<Record<string, T>>;

/** An entry of a run's state: a module, a WeightAverage, or your own object that names its parameters. */
export interface Stateful {
  state(): ReadonlyMap<string, Parameter>;
}

/** Values by name. */
export type Values = ReadonlyMap<string, TensorData>;

/** The saved state of a phase's optimizer. */
export interface OptimizerState {
  /** `Optimizer.kind`. */
  readonly kind: string;
  /** Learning rate, weight decay …, by name. */
  readonly hyperparameters: Named<number>;
  readonly values: Values;
}

/** The saved values of a run's parameters: the tensors of a checkpoint. */
export interface SavedState {
  /** The values of each state entry. */
  readonly state: Named<Values>;
  /** The optimizer of each phase, in phase order. */
  readonly optimizers: Named<OptimizerState>;
  readonly random: Values;
  /** Non-persistent buffers that carry over between steps, such as a recurrent state. */
  readonly carried: Named<Values>;
}

/** The part of a phase that is state. */
interface Trained {
  readonly name: string;
  readonly optimizer: Optimizer;
}

/** All state of a run: the caller's entries, one optimizer per phase, and the random state. */
export class RunState {
  readonly random: RandomState;
  readonly #entries: Named<Stateful>;
  readonly #phases: readonly Trained[];
  /** The parameters that the run's programs change. */
  readonly #changed = new Set<Parameter>();

  constructor(entries: Named<Stateful>, phases: readonly Trained[], seed: number) {
    this.#entries = entries;
    this.#phases = phases;
    this.random = new RandomState(seed);
  }

  /** Records that a program changes `parameter`; false if it is not in the state. */
  expectChanges(parameter: Parameter): boolean {
    this.#changed.add(parameter);
    return this.holds(parameter);
  }

  /** Whether `parameter` is in the state. */
  holds(parameter: Parameter): boolean {
    const includes = (found: ReadonlyMap<string, Parameter>) => [...found.values()].includes(parameter);
    return (
      Object.values(this.#entries).some((entry) => includes(entry.state())) ||
      Object.values(this.#carried).some(includes) ||
      this.#phases.some(({ optimizer }) => includes(optimizer.state())) ||
      includes(this.#random)
    );
  }

  /** Reads all values, each from where it is newest. */
  async read(): Promise<SavedState> {
    const readOptimizer = async ({ name, optimizer }: Trained): Promise<[string, OptimizerState]> => {
      const numbers = [...optimizer.hyperparameters()].map(([key, { value }]) => [key, value] as const);
      const values = await readAll(optimizer.state());
      return [name, { kind: optimizer.kind, hyperparameters: Object.fromEntries(numbers), values }];
    };
    const [state, optimizers, random, carried] = await Promise.all([
      this.readEntries(),
      Promise.all(this.#phases.map(readOptimizer)),
      readAll(this.#random),
      readEach(this.#carried),
    ]);
    return { state, optimizers: Object.fromEntries(optimizers), random, carried };
  }

  /** Reads only the caller's entries. */
  readEntries(): Promise<Named<Values>> {
    return readEach(mapValues(this.#entries, (entry) => entry.state()));
  }

  /** Writes all values, which come from `read` or have passed `expectFit`. */
  write({ state, optimizers, random, carried }: SavedState): void {
    this.writeEntries(state);
    for (const { name, optimizer } of this.#phases) {
      const { hyperparameters, values } = optimizers[name];
      writeAll(optimizer.state(), values);
      for (const [key, scalar] of optimizer.hyperparameters()) scalar.value = hyperparameters[key] ?? scalar.value;
    }
    writeAll(this.#random, random);
    for (const [name, buffers] of Object.entries(this.#carried)) writeAll(buffers, carried[name]);
  }

  /** Writes only the caller's entries. */
  writeEntries(values: Named<Values>): void {
    for (const [name, entry] of Object.entries(this.#entries)) writeAll(entry.state(), values[name]);
  }

  /** @throws an Error that lists every mismatch, unless the saved state matches this run. */
  expectFit({ state, optimizers, random, carried }: SavedState): void {
    const several = this.#phases.length > 1;
    expectNames('phases', Object.keys(optimizers), this.#phases.map(({ name }) => name)); // prettier-ignore
    expectNames('state', Object.keys(state), Object.keys(this.#entries));
    for (const { name, optimizer } of this.#phases) {
      const { kind } = optimizers[name];
      if (kind === optimizer.kind) continue;
      const which = several ? ` in phase ${name}` : '';
      throw new Error(
        `This checkpoint was made with the optimizer ${kind}${which}; resume it with ${kind}, not ${optimizer.kind}.`,
      );
    }
    for (const [name, entry] of Object.entries(this.#entries)) {
      const title = entry instanceof Module ? entry.title : name;
      expectFit({ title, config: configOf(entry) }, entry.state(), state[name]);
      expectFit({ title: `${title}'s state between steps` }, this.#carried[name], carried[name]);
    }
    for (const { name, optimizer } of this.#phases) {
      expectFit({ title: `the ${optimizer.kind} of ${name}` }, optimizer.state(), optimizers[name].values);
    }
    expectFit({ title: 'the random state' }, this.#random, random);
  }

  /** The non-persistent buffers that a program changes, by entry. */
  get #carried(): Named<ReadonlyMap<string, Buffer>> {
    return mapValues(this.#entries, (entry) => {
      const buffers = entry instanceof Module ? [...entry.namedBuffers()] : [];
      return new Map(buffers.filter(([, buffer]) => !buffer.persistent && this.#changed.has(buffer)));
    });
  }

  get #random(): ReadonlyMap<string, Parameter> {
    return new Map([
      ['seed', this.random.seed],
      ['run', this.random.run],
    ]);
  }
}

function expectNames(what: string, found: readonly string[], wanted: readonly string[]): void {
  if (found.length === wanted.length && wanted.every((name) => found.includes(name))) return;
  throw new Error(
    `This checkpoint is from a different run: it has the ${what} ${found.join(', ')}, but this run has ${wanted.join(', ')}.`,
  );
}

/** Reads all `parameters`, each from where it is newest. */
async function readAll(parameters: ReadonlyMap<string, Parameter>): Promise<Map<string, TensorData>> {
  const once = new Map<Parameter, Promise<TensorData>>();
  for (const parameter of parameters.values()) if (!once.has(parameter)) once.set(parameter, parameter.read());
  const entries = [...parameters].map(async ([name, parameter]) => [name, await once.get(parameter)!] as const);
  return new Map(await Promise.all(entries));
}

const readEach = async (parts: Named<ReadonlyMap<string, Parameter>>): Promise<Named<Values>> => {
  const read = Object.entries(parts).map(async ([name, parameters]) => [name, await readAll(parameters)] as const);
  return Object.fromEntries(await Promise.all(read));
};

/** @throws a WeightsError that lists every mismatch in names, shapes and dtypes between `values` and `parameters`. */
function expectFit(target: Target, parameters: ReadonlyMap<string, Parameter>, values: Values): void {
  const match = matchState(parameters, values, { exact: true });
  if (isMismatch(match)) throw stateError(target, parameters, values, match, 'checkpoint');
}

/** Writes the values that exist. */
function writeAll(parameters: ReadonlyMap<string, Parameter>, values: Values): void {
  for (const [name, parameter] of parameters) {
    const value = values.get(name);
    if (value) parameter.write(value);
  }
}

const mapValues = <A, B>(record: Named<A>, convert: (value: A) => B): Named<B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value)]));
