// Builds nodes that compute sizes from the inputs' sizes at run time.

import type { Dim, OpenDim, Term } from './dim.ts';
import type { Initializer, OnnxNode } from './record.ts';

/** The input and axis that each open size is read from. */
export type SizeSources = ReadonlyMap<string, { readonly input: string; readonly axis: number }>;

export class Sizes {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Initializer>();
  readonly #known = new Map<string, string>();
  readonly #sources: SizeSources;

  constructor(sources: SizeSources) {
    this.#sources = sources;
  }

  /** A list of sizes, int64. */
  list(name: string, values: readonly Dim[]): string {
    if (values.every((dim) => typeof dim === 'number')) return this.#ints(name, values);
    const parts = values.map((dim) => this.#dim(dim));
    return parts.length === 1 ? parts[0] : this.node('Concat', parts, name, { axis: 0 });
  }

  /** `shape` for a Reshape of a value with the sizes `from`, if known. */
  reshape(name: string, shape: readonly (Dim | null)[], from: readonly Dim[] | undefined): string | null {
    // In a Reshape, 0 keeps the value's size and -1 is inferred.
    const same = (dim: Dim | null, i: number) => typeof dim !== 'number' && from && sameDim(dim, from[i]);
    const short = shape.map((dim, i) => (shape.includes(0) || !same(dim, i) ? dim : 0));
    const left = short.filter((dim) => typeof dim !== 'number');
    if (left.length <= 1 && !(left.length === 1 && shape.includes(0))) {
      return this.#ints(name, short.map((dim) => (typeof dim === 'number' ? dim : -1))); // prettier-ignore
    }
    return shape.includes(null) ? null : this.list(name, shape as readonly Dim[]);
  }

  /** `count` numbers `start`, `start + step` …, int64. */
  range(name: string, count: Dim, start = 0, step = 1): string {
    const scalar = (value: number) => {
      const key = `number/${value}`;
      this.initializers.set(key, { kind: 'tensor', type: 'i64', shape: [], data: BigInt64Array.of(BigInt(value)) });
      return key;
    };
    const end = this.node('Squeeze', [this.#dim(count)], `${name}/count`);
    const numbers = this.node('Range', [scalar(0), end, scalar(1)], `${name}/range`);
    const scaled = step === 1 ? numbers : this.node('Mul', [numbers, scalar(step)], `${name}/step`);
    return start === 0 ? scaled : this.node('Add', [scaled, scalar(start)], `${name}/start`);
  }

  #dim(dim: Dim): string {
    if (typeof dim === 'number') return this.#ints(`ints/${dim}`, [dim]);
    const terms = dim.terms.map((term) => this.#term(term));
    const all = dim.plus === 0 ? terms : [...terms, this.#dim(dim.plus)];
    return all.reduce((sum, term) => this.node('Add', [sum, term]));
  }

  #term({ of, times }: Term): string {
    const factors = of.map((name) => {
      const { input, axis } = this.#sources.get(name)!;
      return this.node('Shape', [input], `size/${name}`, { start: axis, end: axis + 1 });
    });
    const all = times === 1 ? factors : [...factors, this.#dim(times)];
    return all.reduce((product, factor) => this.node('Mul', [product, factor]));
  }

  #ints(name: string, values: readonly number[]): string {
    this.initializers.set(name, { kind: 'ints', values });
    return name;
  }

  /** The output of this node, which is added unless an equal one exists. */
  node(
    type: string,
    inputs: readonly string[],
    output = `size/${this.nodes.length}`,
    attributes: OnnxNode['attributes'] = {},
  ): string {
    const key = `${type} ${JSON.stringify([inputs, attributes])}`;
    if (!this.#known.has(key)) {
      this.nodes.push({ type, inputs, outputs: [output], attributes });
      this.#known.set(key, output);
    }
    return this.#known.get(key)!;
  }
}

function sameDim(a: Dim | null, b: Dim | undefined): boolean {
  return a !== null && b !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

/** Whether any of `dims` is open. */
export const isOpen = (dims: readonly Dim[]): boolean => dims.some((dim): dim is OpenDim => typeof dim !== 'number');
