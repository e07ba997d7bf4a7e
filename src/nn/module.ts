// The base class of layers and models: a tree of parameters, each named in checkpoints by its property path.

import type { TensorData } from '../core/dtype.ts';
import { Buffer, Parameter } from '../core/parameter.ts';
import type { Tensor } from '../core/tensor.ts';
import { configOf } from './likely-causes.ts';
import { writeState } from './state-dict.ts';

/** A module with one tensor in and one out, so that it can be part of a list of layers. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/**
 * A layer or model. Parameters, buffers and modules in its properties are found automatically, also inside arrays, plain
 * objects and Maps with string keys; their path is their name. Private fields (`#x`) are not searched.
 */
export abstract class Module {
  /** Name in errors. Models set it, since class names are minified in a bundle. */
  readonly title: string = this.constructor.name;

  /** What the module computes; arguments differ by class: tensors, caches, masks, options. */
  abstract forward(...args: never[]): unknown;

  /** Trained parameters by names such as `c1.weight`, in property order; tied parameters under all their names. */
  namedParameters(prefix = ''): Map<string, Parameter> {
    return new Map(contentsOf(this, prefix).filter(([, one]) => !(one instanceof Buffer)));
  }

  /** Untrained state by name: running statistics, counters, caches. */
  namedBuffers(prefix = ''): Map<string, Buffer> {
    return new Map(contentsOf(this, prefix).filter((entry): entry is [string, Buffer] => entry[1] instanceof Buffer));
  }

  /** What is saved to files, by name: parameters and `persistent` buffers. */
  state(prefix = ''): Map<string, Parameter> {
    return new Map(contentsOf(this, prefix).filter(([, one]) => !(one instanceof Buffer) || one.persistent));
  }

  /** The parameters for an optimizer, each once. */
  parameters(): Parameter[] {
    return [...new Set(this.namedParameters().values())];
  }

  /** The newest values of `state()`. */
  async stateDict(): Promise<Map<string, TensorData>> {
    const entries = [...this.state()].map(async ([name, one]) => [name, await one.read()] as const);
    return new Map(await Promise.all(entries));
  }

  /** Moves all values back to the host: before a device that has them is destroyed, or to free its memory. */
  async toHost(): Promise<void> {
    await Promise.all([...this.#contents()].map((one) => one.toHost()));
  }

  /** Keeps the host's copies of all values that no program has changed yet, so that the model survives a lost device. */
  keepOnHost(): this {
    for (const one of this.#contents()) one.keepOnHost = true;
    return this;
  }

  /**
   * Sets all values of `state()`. Nothing is changed, and a WeightsError names all that is wrong, unless every name, shape
   * and type fits. f32 and f16 are converted; one name of a tied parameter is enough; `optional` buffers may be missing.
   */
  loadStateDict(values: ReadonlyMap<string, TensorData>): void {
    writeState({ title: this.title, config: configOf(this) }, this.state(), values);
  }

  #contents(): Set<Parameter> {
    return new Set(contentsOf(this, '').map(([, one]) => one));
  }
}

/** All parameters and buffers below `module` by path, which becomes their name. */
function contentsOf(module: Module, prefix: string): [string, Parameter][] {
  const found = new Map<string, Parameter>();
  const open = new Set<unknown>();
  const visit = (path: string, value: unknown): void => {
    if (value instanceof Parameter) {
      if (found.has(path))
        throw new Error(`${module.title}: two parameters are named ${path}; rename one of the keys.`);
      found.set(path, value);
      return;
    }
    // A cycle, such as a reference to the parent: its members are listed where it started.
    if (open.has(value)) return;
    open.add(value);
    for (const [key, member] of membersOf(module, path, value)) visit(path === '' ? key : `${path}.${key}`, member);
    open.delete(value);
  };
  visit(prefix.replace(/\.$/, ''), module);
  const named = new Set<Parameter>();
  for (const [path, parameter] of found) {
    // A tied parameter takes the first of its names.
    if (!named.has(parameter)) parameter.foundAt(path);
    named.add(parameter);
  }
  return [...found];
}

/** The members of `value` that may hold parameters, with their part of the path. */
function membersOf(module: Module, path: string, value: unknown): Iterable<readonly [string, unknown]> {
  if (value instanceof Module || Array.isArray(value) || isPlain(value)) return Object.entries(value);
  if (value instanceof Set) {
    if ([...value].some((one) => holdsParameters(one))) throw unnamed(module, path, 'Set');
  } else if (value instanceof Map) {
    const entries = [...value];
    if (entries.every(([key]) => typeof key === 'string')) return entries;
    if (entries.some((entry) => entry.some((one: unknown) => holdsParameters(one)))) {
      throw unnamed(module, path, 'Map with keys other than strings');
    }
  }
  return [];
}

const unnamed = (module: Module, path: string, kind: string) =>
  new Error(
    `${module.title}: ${path} is a ${kind}, so the parameters in it have no names; ` +
      'use an array, a plain object or a Map with string keys.',
  );

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function holdsParameters(value: unknown, seen = new Set<unknown>()): boolean {
  if (value instanceof Parameter || value instanceof Module) return true;
  if (seen.has(value)) return false;
  seen.add(value);
  const inside = value instanceof Set || Array.isArray(value) ? [...value] : value instanceof Map ? [...value].flat() : isPlain(value) ? Object.values(value) : []; // prettier-ignore
  return inside.some((one) => holdsParameters(one, seen));
}
