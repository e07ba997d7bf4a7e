// What a run keeps: a record of things whose values can be saved, read and put back by name.

import type { TensorData } from '../core/dtype.ts';
import type { Buffer, Parameter } from '../core/parameter.ts';
import { formatShape } from '../core/shape.ts';
import type { TensorSpec } from '../core/tensor.ts';
import { RandomState } from '../core/trace.ts';
import { Module } from '../nn/module.ts';
import { StateDictError } from '../nn/state-dict.ts';
import type { Optimizer } from '../optim/optimizer.ts';

type Named<T> = Readonly<Record<string, T>>;

/** What can be an entry of a run's state: a module, a WeightAverage, or an object of your own that names its parameters. */
export interface Stateful {
  state(): ReadonlyMap<string, Parameter>;
}

/** Values by name. */
export type Values = ReadonlyMap<string, TensorData>;

/** A phase's optimizer, saved. */
export interface OptimizerState {
  /** Its class, as `Optimizer.kind` names it. */
  readonly kind: string;
  /** Learning rate, weight decay …, by name. */
  readonly hyperparameters: Named<number>;
  readonly values: Values;
}

/** All state of a run, saved: the part of a checkpoint that parameters hold. */
export interface SavedState {
  /** The values of each entry of the run's state. */
  readonly state: Named<Values>;
  /** The optimizer of each phase, in the order of the phases. */
  readonly optimizers: Named<OptimizerState>;
  readonly random: Values;
  /** Buffers of modules that files do not hold but the run goes on from, such as a recurrent state. */
  readonly carried: Named<Values>;
}

/** A phase, as far as its optimizer is state. */
interface Trained {
  readonly name: string;
  readonly optimizer: Optimizer;
}

/** All state of a run: the record of its owner, an optimizer a phase, and random numbers. */
export class RunState {
  readonly random: RandomState;
  readonly #entries: Named<Stateful>;
  readonly #phases: readonly Trained[];
  /** What the run's programs change. */
  readonly #changed = new Set<Parameter>();

  constructor(entries: Named<Stateful>, phases: readonly Trained[], seed: number) {
    this.#entries = entries;
    this.#phases = phases;
    this.random = new RandomState(seed);
  }

  /** Notes that a program changes `parameter`; false where it is in no part of the state. */
  expectChanges(parameter: Parameter): boolean {
    this.#changed.add(parameter);
    return this.holds(parameter);
  }

  /** Whether `parameter` is in some part of the state. */
  holds(parameter: Parameter): boolean {
    const includes = (found: ReadonlyMap<string, Parameter>) => [...found.values()].includes(parameter);
    return (
      Object.values(this.#entries).some((entry) => includes(entry.state())) ||
      Object.values(this.#carried).some(includes) ||
      this.#phases.some(({ optimizer }) => includes(optimizer.state())) ||
      includes(this.#random)
    );
  }

  /** The values of everything, read from wherever they are newest. */
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

  /** The values of the owner's record alone. */
  readEntries(): Promise<Named<Values>> {
    return readEach(mapValues(this.#entries, (entry) => entry.state()));
  }

  /** Writes everything; `expectFit` has checked it, or `read` has given it. */
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

  /** Writes the values of the owner's record alone. */
  writeEntries(values: Named<Values>): void {
    for (const [name, entry] of Object.entries(this.#entries)) writeAll(entry.state(), values[name]);
  }

  /** Throws an Error that says what does not fit, unless `saved` is the state of such a run. */
  expectFit({ state, optimizers, random, carried }: SavedState): void {
    const several = this.#phases.length > 1;
    expectNames('phases', Object.keys(optimizers), this.#phases.map(({ name }) => name)); // prettier-ignore
    expectNames('state', Object.keys(state), Object.keys(this.#entries));
    for (const { name, optimizer } of this.#phases) {
      const { kind } = optimizers[name];
      if (kind === optimizer.kind) continue;
      const which = several ? ` in phase ${name}` : '';
      throw new Error(
        `This checkpoint was made with the optimizer ${kind}${which}; resume it with that, not with ${optimizer.kind}.`,
      );
    }
    for (const [name, entry] of Object.entries(this.#entries)) {
      const title = entry instanceof Module ? entry.title : name;
      expectFit(title, entry.state(), state[name]);
      expectFit(`${title}'s state between steps`, this.#carried[name], carried[name]);
    }
    for (const { name, optimizer } of this.#phases) {
      expectFit(`the ${optimizer.kind} of ${name}`, optimizer.state(), optimizers[name].values);
    }
    expectFit('the random numbers', this.#random, random);
  }

  /** Buffers that files do not hold and a program changes, by the names of their entries. */
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
    `This checkpoint is of another run: it has the ${what} ${found.join(', ')}, and this run has ${wanted.join(', ')}.`,
  );
}

/** Values of all `parameters`, read from wherever they are newest. */
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

/** Throws a StateDictError that names every difference, unless `values` are all those of `parameters`, in their types. */
function expectFit(title: string, parameters: ReadonlyMap<string, Parameter>, values: Values): void {
  const text = ({ dtype, shape }: TensorSpec) => `${dtype}${formatShape(shape)}`;
  const missing = [...parameters.keys()].filter((name) => !values.has(name));
  const unexpected = [...values.keys()].filter((name) => !parameters.has(name));
  const misshapen = [...parameters].flatMap(([name, parameter]) => {
    const value = values.get(name);
    return value && text(value) !== text(parameter) ? [`${name} (is ${text(value)}, needs ${text(parameter)})`] : [];
  });
  if (missing.length + unexpected.length + misshapen.length > 0) {
    throw new StateDictError(title, { missing, unexpected, misshapen, untied: [] });
  }
}

/** Writes what there is of `values`. */
function writeAll(parameters: ReadonlyMap<string, Parameter>, values: Values): void {
  for (const [name, parameter] of parameters) {
    const value = values.get(name);
    if (value) parameter.write(value);
  }
}

const mapValues = <A, B>(record: Named<A>, convert: (value: A) => B): Named<B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value)]));
