// Merges records traced with a few sizes into one graph with open sizes: differences become computations on the sizes.

import { fit, type Dim, type OpenSizes } from './dim.ts';
import { elementTypes, type Initializer, type OnnxNode, type OnnxPort, type OnnxRecord } from './record.ts';
import { isOpen, Sizes, type SizeSources } from './sizes.ts';

/** A record, and the sizes it was traced with. */
export interface Sample {
  readonly sizes: OpenSizes;
  readonly record: OnnxRecord;
}

/** Sizes cannot stay open; the message says why. */
export class OpenSizeError extends Error {
  constructor(sizes: OpenSizes | readonly string[], reason: string) {
    const names = Array.isArray(sizes) ? sizes : Object.keys(sizes);
    super(`exportOnnx: ${names.join(' and ')} cannot stay open: ${reason} Export fixed sizes.`);
    this.name = 'OpenSizeError';
  }
}

type Tensors = Extract<Initializer, { kind: 'tensor' }>;

/** The graph for all sizes. @throws an OpenSizeError if the samples differ by more than sizes. */
export function mergeSamples(samples: readonly Sample[], sources: SizeSources): OnnxRecord {
  return new Merge(samples, sources).result();
}

class Merge {
  readonly #samples: readonly Sample[];
  readonly #record: OnnxRecord;
  readonly #sizes: Sizes;
  /** Initializers that were renamed. */
  readonly #renamed = new Map<string, string>();

  constructor(samples: readonly Sample[], sources: SizeSources) {
    this.#samples = samples;
    this.#record = samples[0].record;
    this.#sizes = new Sizes(sources);
  }

  result(): OnnxRecord {
    const { nodes, initializers, state } = this.#record;
    this.#expectSameNodes();
    const reshapes = new Map(
      nodes.flatMap(({ type, inputs: [data, shape] }) => (type === 'Reshape' ? [[shape, data] as const] : [])),
    );
    for (const [name, initializer] of initializers) {
      const renamed = this.#initializer(name, initializer, reshapes.get(name));
      if (renamed !== name) this.#renamed.set(name, renamed);
    }
    const rewritten = nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((input) => this.#renamed.get(input) ?? input),
    }));
    return {
      nodes: [...this.#sizes.nodes, ...rewritten],
      inputs: this.#ports(({ inputs }) => inputs),
      outputs: this.#ports(({ outputs }) => outputs),
      initializers: this.#sizes.initializers,
      shapes: new Map(),
      state,
    };
  }

  #expectSameNodes(): void {
    const { nodes } = this.#record;
    for (const { sizes, record } of this.#samples) {
      if (record.nodes.length !== nodes.length) {
        throw this.#error(`the function makes ${nodes.length} nodes, but ${record.nodes.length} for ${said(sizes)}.`);
      }
      nodes.forEach((node, i) => {
        const other = record.nodes[i];
        if (JSON.stringify(other) === JSON.stringify(node)) return;
        const text = ({ type, attributes }: OnnxNode) => `${type} ${JSON.stringify(attributes)}`;
        throw this.#error(`${node.outputs[0]} is ${text(node)}, but ${text(other)} for ${said(sizes)}.`);
      });
    }
  }

  #ports(of: (record: OnnxRecord) => readonly OnnxPort[]): OnnxPort[] {
    return of(this.#record).map((port, i) => ({
      ...port,
      shape: this.#fitted(`"${port.name}"`, ({ record }) => of(record)[i].shape as readonly number[]),
    }));
  }

  /** Adds the initializer, or nodes that compute it. Returns its new name. */
  #initializer(name: string, initializer: Initializer, reshaped: string | undefined): string {
    if (initializer.kind === 'ints') {
      const values = this.#fits(({ record }) => (record.initializers.get(name) as typeof initializer).values);
      const found = values && this.#shape(name, values, reshaped);
      if (found === null) throw this.#error(`${this.#where(name)} has a shape that is not a sum of products of them.`);
      return found;
    }
    if (initializer.kind === 'range') {
      const [count] = this.#fitted(`a range in ${this.#where(name)}`, ({ record }) => [
        (record.initializers.get(name) as typeof initializer).count,
      ]);
      return typeof count === 'number' ? this.#kept(name, initializer) : this.#sizes.range(name, count);
    }
    if (initializer.kind === 'parameter') return this.#kept(name, initializer);
    return this.#constant(name, initializer);
  }

  #kept(name: string, initializer: Initializer): string {
    this.#sizes.initializers.set(name, initializer);
    return name;
  }

  /** The name of a list of sizes. In a reshape, some may be unknown; null if too many are. */
  #shape(name: string, values: readonly (Dim | null)[], reshaped: string | undefined): string | null {
    if (reshaped === undefined) return values.includes(null) ? null : this.#sizes.list(name, values as readonly Dim[]);
    const known = this.#samples.every(({ record }) => record.shapes.has(reshaped));
    const from = known ? this.#fits(({ record }) => record.shapes.get(reshaped)!) : null;
    return this.#sizes.reshape(
      name,
      values,
      from?.includes(null) ? undefined : ((from ?? undefined) as Dim[] | undefined),
    );
  }

  /** A constant may depend on sizes if all its values are equal, or if it is an arithmetic sequence. */
  #constant(name: string, initializer: Tensors): string {
    const tensors = this.#samples.map(({ record }) => record.initializers.get(name) as Tensors);
    if (tensors.every((one) => sameTensor(one, initializer))) return this.#kept(name, initializer);
    const where = `a constant in ${this.#where(name)}`;
    const shape = this.#fitted(where, ({ record }) => (record.initializers.get(name) as Tensors).shape);
    const values = tensors.map(({ data }) => Array.from(data as ArrayLike<number | bigint>, Number));
    const [start, second] = values[0];
    if (isOpen(shape) && values.every((one) => one.every((value) => value === start))) {
      const single: Initializer = { ...initializer, shape: [], data: initializer.data.slice(0, 1) };
      const sizes = this.#sizes.list(`${name}/shape`, shape);
      return this.#sizes.node('Expand', [this.#kept(`${name}/value`, single), sizes], `${name}/expanded`);
    }
    const long = shape.filter((dim) => dim !== 1);
    const step = second - start;
    const counts =
      Number.isInteger(start) && values.every((one) => one.every((value, i) => value === start + i * step));
    if (!isOpen(shape) || long.length !== 1 || !counts || initializer.type === 'f16') {
      throw this.#error(`${where} has different values for each size.`);
    }
    const numbers = this.#sizes.range(name, long[0], start, step);
    const cast = { to: elementTypes[initializer.type] };
    const typed = this.#sizes.node('Cast', [numbers], `${name}/numbers`, cast);
    const places = this.#sizes.reshape(`${name}/shape`, shape, undefined)!;
    return this.#sizes.node('Reshape', [typed, places], `${name}/reshaped`);
  }

  /** The sizes in `list` as functions of the open sizes. Null entries are not sums of products; null if the lengths differ. */
  #fits(list: (sample: Sample) => readonly number[]): (Dim | null)[] | null {
    const lists = this.#samples.map(list);
    if (lists.some(({ length }) => length !== lists[0].length)) return null;
    const sizes = this.#samples.map((sample) => sample.sizes);
    return lists[0].map((_, at) => fit(sizes, lists.map((one) => one[at]))); // prettier-ignore
  }

  #fitted(what: string, list: (sample: Sample) => readonly number[]): Dim[] {
    const found = this.#fits(list);
    if (found && !found.includes(null)) return found as Dim[];
    const shown = this.#samples.slice(0, 2).map((sample) => `[${list(sample)}] for ${said(sample.sizes)}`);
    throw this.#error(`${what} has the shape ${shown.join(' and ')}.`);
  }

  /** The node that reads an initializer, for error messages. */
  #where(name: string): string {
    return this.#record.nodes.find(({ inputs }) => inputs.includes(name))?.outputs[0] ?? name;
  }

  #error(reason: string): OpenSizeError {
    return new OpenSizeError(this.#samples[0].sizes, reason);
  }
}

const said = (sizes: OpenSizes): string =>
  Object.entries(sizes)
    .map(([name, size]) => `${name} ${size}`)
    .join(', ');

function sameTensor(a: Tensors, b: Tensors): boolean {
  const sameShape = a.shape.length === b.shape.length && a.shape.every((dim, i) => dim === b.shape[i]);
  return sameShape && a.data.every((value, i) => Object.is(value, b.data[i]));
}
