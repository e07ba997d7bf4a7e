// One graph for every batch size, from records of a few: what differs between them must be sizes, and these multiples of the batch.

import type { Dim, Initializer, OnnxNode, OnnxPort, OnnxRecord } from './record.ts';
import { formatDims } from './record.ts';

/** A record, and the batch size that it was traced with. */
export interface Sample {
  readonly batch: number;
  readonly record: OnnxRecord;
}

/** Says that a function cannot be exported for every batch size, and why. */
export class DynamicBatchError extends Error {
  constructor(reason: string) {
    super(`exportOnnx: the batch cannot be dynamic: ${reason} Export it for one batch size.`);
    this.name = 'DynamicBatchError';
  }
}

/** The size that `values` has in each sample: a number, or a multiple of the batch and a number; null where it is neither. */
function fit(samples: readonly Sample[], values: readonly number[]): Dim | null {
  const [first, second] = samples;
  if (values.every((value) => value === values[0])) return values[0];
  const times = (values[1] - values[0]) / (second.batch - first.batch);
  const plus = values[0] - times * first.batch;
  const fits = Number.isInteger(times) && samples.every(({ batch }, i) => values[i] === times * batch + plus);
  return fits ? { times, plus } : null;
}

/** The lists of sizes as one, whose entries may depend on the batch. */
function fitAll(samples: readonly Sample[], lists: readonly (readonly Dim[])[], what: string): Dim[] {
  const found = lists[0].map((_, at) => fit(samples, lists.map((list) => list[at] as number))); // prettier-ignore
  if (lists.some(({ length }) => length !== lists[0].length) || found.includes(null)) {
    const shown = lists.map((list, i) => `${formatDims(list)} for batch ${samples[i].batch}`);
    throw new DynamicBatchError(`${what} is ${shown.join(' and ')}, which is no multiple of it.`);
  }
  return found as Dim[];
}

/** What the samples agree on. `batchOf` is the input that the batch is read from, and its axis. */
export function mergeSamples(samples: readonly Sample[], batchOf: { input: string; axis: number }): OnnxRecord {
  const [{ record }] = samples;
  const others = samples.map((sample) => sample.record);
  if (others.some(({ nodes }) => nodes.length !== record.nodes.length)) {
    const counts = samples.map((sample) => `${sample.record.nodes.length} nodes for batch ${sample.batch}`);
    throw new DynamicBatchError(`the function makes ${counts.join(' and ')}.`);
  }
  const ports = (of: (record: OnnxRecord) => readonly OnnxPort[]) =>
    of(record).map((port, i) => {
      const shapes = others.map((other) => of(other)[i].shape);
      return { ...port, shape: fitAll(samples, shapes, `"${port.name}"`) };
    });
  record.nodes.forEach((node, i) => {
    const different = others
      .map(({ nodes }) => nodes[i])
      .find((other) => JSON.stringify(other) !== JSON.stringify(node));
    if (different) {
      const text = ({ type, attributes }: OnnxNode) => `${type} ${JSON.stringify(attributes)}`;
      throw new DynamicBatchError(
        `${node.outputs[0]} is ${text(node)} for one batch size and ${text(different)} for another.`,
      );
    }
  });

  const sizes = new Sizes(batchOf);
  const shapesOfReshapes = new Set(
    record.nodes.filter(({ type }) => type === 'Reshape').map(({ inputs }) => inputs[1]),
  );
  const expansions: OnnxNode[] = [];
  const renamed = new Map<string, string>();
  for (const [name, initializer] of record.initializers) {
    const alternatives = others.map((other) => other.initializers.get(name)!);
    if (initializer.kind === 'parameter') sizes.initializers.set(name, initializer);
    else if (initializer.kind === 'ints') {
      const lists = alternatives.map((one) => (one as typeof initializer).values);
      const values = fitAll(samples, lists, `a shape in ${readerOf(record, name)}`);
      renamed.set(name, sizes.list(name, values, shapesOfReshapes.has(name)));
    } else {
      const tensors = alternatives as (typeof initializer)[];
      if (tensors.every((one) => sameTensor(one, initializer))) sizes.initializers.set(name, initializer);
      else {
        const value = initializer.data[0];
        if (!tensors.every((one) => one.data.length > 0 && one.data.every((other) => other === value))) {
          throw new DynamicBatchError(`a constant in ${readerOf(record, name)} has other values for each batch size.`);
        }
        const shape = fitAll(samples, tensors.map((one) => one.shape), `a constant in ${readerOf(record, name)}`); // prettier-ignore
        const single = { ...initializer, shape: [], data: initializer.data.slice(0, 1) };
        sizes.initializers.set(`${name}/value`, single);
        expansions.push({
          type: 'Expand',
          inputs: [`${name}/value`, sizes.list(`${name}/shape`, shape, false)],
          outputs: [name],
          attributes: {},
        });
      }
    }
  }
  const nodes = record.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((input) => renamed.get(input) ?? input),
  }));
  return {
    nodes: [...sizes.nodes, ...expansions, ...nodes],
    inputs: ports(({ inputs }) => inputs),
    outputs: ports(({ outputs }) => outputs),
    initializers: sizes.initializers,
    state: record.state,
  };
}

function sameTensor(a: Extract<Initializer, { kind: 'tensor' }>, b: Extract<Initializer, { kind: 'tensor' }>): boolean {
  const sameShape = a.shape.length === b.shape.length && a.shape.every((dim, i) => dim === b.shape[i]);
  return sameShape && a.data.every((value, i) => Object.is(value, b.data[i]));
}

/** The node that reads an initializer, for errors. */
const readerOf = ({ nodes }: OnnxRecord, name: string): string =>
  nodes.find(({ inputs }) => inputs.includes(name))?.outputs[0] ?? name;

/** Computes sizes from the batch that an input has when the graph runs. */
class Sizes {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Initializer>();
  readonly #known = new Map<string, string>();
  readonly #batchOf: { readonly input: string; readonly axis: number };

  constructor(batchOf: { readonly input: string; readonly axis: number }) {
    this.#batchOf = batchOf;
  }

  /** The name of the list `values`. */
  list(name: string, values: readonly Dim[], isReshape: boolean): string {
    const moving = values.filter((dim) => typeof dim !== 'number');
    if (moving.length === 0 || (isReshape && moving.length === 1 && !values.includes(0))) {
      // A reshape finds one size by itself.
      const fixed = values.map((dim) => (typeof dim === 'number' ? dim : -1));
      this.initializers.set(name, { kind: 'ints', values: fixed });
      return name;
    }
    const parts = values.map((dim) => (typeof dim === 'number' ? this.#number(dim) : this.#size(dim)));
    if (parts.length === 1) return parts[0];
    return this.#node('Concat', parts, name, { axis: 0 });
  }

  #size({ times, plus }: Exclude<Dim, number>): string {
    const multiple = times === 1 ? this.#batch() : this.#node('Mul', [this.#batch(), this.#number(times)], `batch*${times}`); // prettier-ignore
    return plus === 0 ? multiple : this.#node('Add', [multiple, this.#number(plus)], `batch*${times}+${plus}`);
  }

  #batch(): string {
    const { input, axis } = this.#batchOf;
    return this.#node('Shape', [input], 'batch', { start: axis, end: axis + 1 });
  }

  #number(value: number): string {
    const name = `size ${value}`;
    this.initializers.set(name, { kind: 'ints', values: [value] });
    return name;
  }

  /** The output of such a node; there is one of each name. */
  #node(type: string, inputs: readonly string[], wanted: string, attributes: OnnxNode['attributes'] = {}): string {
    const key = `${type} ${inputs}`;
    if (!this.#known.has(key)) {
      const name = `size/${wanted}`;
      this.nodes.push({ type, inputs, outputs: [name], attributes });
      this.#known.set(key, name);
    }
    return this.#known.get(key)!;
  }
}
