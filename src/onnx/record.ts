// Records a traced function as ONNX nodes, in plain data, for the sizes it was traced with.

import { allocate, type DType, type TensorData, type TypedArray } from '../core/dtype.ts';
import { toFloat16 } from '../core/float16.ts';
import { topologicalOrder } from '../core/graph.ts';
import type { OnnxAttributes, OnnxGraph, OnnxOperand, OnnxType, OnnxValue } from '../core/onnx.ts';
import type { Shape } from '../core/shape.ts';
import type { Dim } from './dim.ts';
import { Parameter } from '../core/parameter.ts';
import { Constant, Input, Scalar, Tensor, type Node, type TensorSpec } from '../core/tensor.ts';
import { RandomState, trace } from '../core/trace.ts';

export interface OnnxNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: OnnxAttributes;
}

/** A value stored in the graph: a parameter, a constant, a list of sizes, or the range 0 … count - 1. */
export type Initializer =
  | { readonly kind: 'parameter'; readonly parameter: Parameter }
  | { readonly kind: 'tensor'; readonly type: OnnxType; readonly shape: Shape; readonly data: StoredArray }
  | { readonly kind: 'ints'; readonly values: readonly number[] }
  | { readonly kind: 'range'; readonly count: number };

export type StoredArray = TypedArray | Float64Array | BigInt64Array;

/** An input or an output. */
export interface OnnxPort {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export interface OnnxRecord {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Shapes of values that correspond to traced tensors. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The scalar or updated parameter behind an input that is not one of the function's. */
  readonly state: ReadonlyMap<string, Scalar | Parameter>;
}

/** A function to export, and its parameters' names. */
export interface Source {
  readonly fn: (inputs: Readonly<Record<string, Tensor>>) => Tensor | Readonly<Record<string, Tensor>>;
  readonly specs: Readonly<Record<string, TensorSpec>>;
  readonly names: ReadonlyMap<Parameter, string>;
}

const stored = (type: OnnxType, values: readonly number[]): StoredArray => {
  if (type === 'i64') return BigInt64Array.from(values, BigInt);
  if (type === 'f64') return Float64Array.from(values);
  const data = allocate(type, values.length);
  values.forEach((value, i) => (data[i] = type === 'f16' ? toFloat16(value) : value));
  return data;
};

/** Traces `fn` and records the nodes that its outputs and parameter updates need. */
export function recordOnnx({ fn, specs, names }: Source): OnnxRecord {
  const inputs = Object.entries(specs).map(([name, spec]) => new Input(name, spec));
  const tensors = Object.fromEntries(inputs.map((input) => [input.name, input]));
  const { result, trace: recorded } = trace(() => fn(tensors), new RandomState(0));
  const results = result instanceof Tensor ? { output: result } : result;
  const recorder = new Recorder((parameter) => names.get(parameter) ?? parameter.name);
  for (const input of inputs) recorder.addInput(input, input.name);
  // A parameter that the function updates becomes an input and an output.
  const next = [...recorded.updates].map(
    ([parameter, value]) => [`${recorder.addState(parameter).name}.next`, value] as const,
  );
  return recorder.finish([...Object.entries(results), ...next]);
}

class Recorder implements OnnxGraph {
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs: OnnxPort[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #state = new Map<string, Scalar | Parameter>();
  readonly #values = new Map<Tensor, OnnxValue>();
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #readers = new Map<Tensor, (Node | null)[]>();
  readonly #written = new Set<Node>();
  readonly #nameOf: (parameter: Parameter) => string;
  /** The label of the node being written, and the type of its numbers. */
  #scope: { readonly label: string; readonly type: OnnxType } = { label: '', type: 'f32' };

  constructor(nameOf: (parameter: Parameter) => string) {
    this.#nameOf = nameOf;
  }

  addInput(tensor: Tensor, wanted: string): OnnxValue {
    const name = this.#unique(wanted);
    this.#inputs.push({ name, dtype: tensor.dtype, shape: tensor.shape });
    this.#values.set(tensor, { name });
    return { name };
  }

  /** Adds an input for a value that changes between runs. */
  addState(one: Scalar | Parameter): OnnxValue {
    const value = this.addInput(one, one instanceof Scalar ? one.name : this.#nameOf(one));
    this.#state.set(value.name, one);
    return value;
  }

  /** Records everything that `results` need, and names the outputs after them. */
  finish(results: readonly (readonly [name: string, tensor: Tensor])[]): OnnxRecord {
    for (const [name] of results) {
      if (this.#taken.has(name)) throw new Error(`exportOnnx: "${name}" names two inputs or outputs; ONNX needs unique names.`); // prettier-ignore
      this.#taken.add(name);
    }
    this.#write(results.map(([, tensor]) => tensor));
    // A computed value takes the output's name; a leaf, or a value returned twice, is copied.
    const computed = new Set(this.#nodes.flatMap(({ outputs }) => outputs));
    const renamed = new Map<string, string>();
    const copies: OnnxNode[] = [];
    const outputs = results.map(([name, tensor]): OnnxPort => {
      const value = this.valueOf(tensor).name;
      if (computed.has(value) && !renamed.has(value)) renamed.set(value, name);
      else copies.push({ type: 'Identity', inputs: [renamed.get(value) ?? value], outputs: [name], attributes: {} });
      return { name, dtype: tensor.dtype, shape: tensor.shape };
    });
    const rename = (name: string) => renamed.get(name) ?? name;
    const nodes = this.#nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    }));
    const [inputs, initializers, state] = [this.#inputs, this.#initializers, this.#state];
    const shapes = new Map([...this.#values].map(([{ shape }, { name }]) => [rename(name), shape]));
    return { nodes: [...nodes, ...copies], inputs, outputs, initializers, shapes, state };
  }

  node(type: string, inputs: readonly OnnxOperand[], attributes?: OnnxAttributes): OnnxValue {
    return this.nodes(type, 1, inputs, attributes)[0];
  }

  nodes(type: string, count: number, inputs: readonly OnnxOperand[], attributes: OnnxAttributes = {}): OnnxValue[] {
    const { label, type: numbers } = this.#scope;
    // ONNX Runtime crashes if the last input has an empty name.
    const end = inputs.findLastIndex((input) => input !== null);
    const given = inputs
      .slice(0, end + 1)
      .map((input) =>
        input === null ? '' : typeof input === 'number' ? this.number(input, numbers).name : input.name,
      );
    const outputs = Array.from({ length: count }, () => this.#unique(`${label}/${type}`));
    this.#nodes.push({ type, inputs: given, outputs, attributes });
    return outputs.map((name) => ({ name }));
  }

  cast(x: OnnxValue, type: OnnxType): OnnxValue {
    return this.node('Cast', [x], { to: elementTypes[type] });
  }

  number(value: number, type: OnnxType): OnnxValue {
    return this.#initializer('number', { kind: 'tensor', type, shape: [], data: stored(type, [value]) });
  }

  ints(values: readonly number[]): OnnxValue {
    return this.#initializer('ints', { kind: 'ints', values: [...values] });
  }

  range(count: number): OnnxValue {
    return this.#initializer('range', { kind: 'range', count });
  }

  constant({ dtype, shape, data }: TensorData): OnnxValue {
    return this.#initializer('constant', { kind: 'tensor', type: dtype, shape, data });
  }

  reshape(x: OnnxValue, shape: Shape): OnnxValue {
    // Without allowzero, 0 would mean the input's size.
    return this.node('Reshape', [x, this.ints(shape)], shape.includes(0) ? { allowzero: 1 } : {});
  }

  expand(x: OnnxValue, shape: Shape): OnnxValue {
    return this.node('Expand', [x, this.ints(shape)]);
  }

  valueOf(tensor: Tensor): OnnxValue {
    const known = this.#values.get(tensor);
    if (known) return known;
    if (tensor.node && !this.#written.has(tensor.node)) {
      this.#write([tensor]);
      return this.valueOf(tensor);
    }
    if (tensor.node) {
      const at = tensor.node.outputs.indexOf(tensor);
      throw new Error(`exportOnnx: output ${at} of ${tensor.node.op.name} cannot be exported to ONNX.`);
    }
    const value = this.#leaf(tensor);
    this.#values.set(tensor, value);
    return value;
  }

  #leaf(tensor: Tensor): OnnxValue {
    if (tensor instanceof Constant) return this.constant(tensor);
    if (tensor instanceof Scalar) return this.addState(tensor);
    if (tensor instanceof Parameter) {
      return this.#initializer(this.#nameOf(tensor), { kind: 'parameter', parameter: tensor });
    }
    throw new Error(`exportOnnx: the function uses ${tensor}, which is an input of another function.`);
  }

  #initializer(wanted: string, initializer: Initializer): OnnxValue {
    const name = this.#unique(wanted);
    this.#initializers.set(name, initializer);
    return { name };
  }

  #unique(wanted: string): string {
    let [name, count] = [wanted, this.#counts.get(wanted) ?? 0];
    while (this.#taken.has(name)) name = `${wanted}_${++count}`;
    this.#counts.set(wanted, count);
    this.#taken.add(name);
    return name;
  }

  /** Records the nodes that `roots` depend on, unless already recorded. */
  #write(roots: readonly Tensor[]): void {
    const order = topologicalOrder(roots, [], this.#written);
    const note = (tensor: Tensor, reader: Node | null) => {
      const known = this.#readers.get(tensor);
      if (known) known.push(reader);
      else this.#readers.set(tensor, [reader]);
    };
    for (const node of order) for (const input of node.inputs) note(input, node);
    for (const root of roots) note(root, null);
    // Leaves first, so that parameters keep their names.
    for (const leaf of new Set([...order.flatMap(({ inputs }) => inputs), ...roots]))
      if (!leaf.node) this.valueOf(leaf);
    for (const node of order) this.#writeNode(node);
  }

  #writeNode({ op, attrs, inputs, outputs }: Node): void {
    const { onnx } = op;
    const outer = this.#scope;
    const fail = (reason: string) => new Error(`exportOnnx: ${op.name} cannot be exported to ONNX. ${reason}`);
    if (onnx === undefined) throw fail('Its op record has no onnx field.');
    if (typeof onnx === 'object' && 'none' in onnx) throw fail(onnx.none);
    if (typeof onnx === 'object') {
      const results = [onnx.as(inputs, attrs)].flat() as readonly Tensor[];
      results.forEach((result, i) => this.#values.set(outputs[i], this.valueOf(result)));
      return;
    }
    this.#scope = { label: this.#label(op.name), type: (inputs[0] ?? outputs[0]).dtype };
    const given = inputs.map((input) => this.valueOf(input));
    const readers = (output: number) => this.#readers.get(outputs[output]) ?? [];
    const values =
      typeof onnx === 'string'
        ? this.nodes(onnx, outputs.length, given)
        : [onnx(this, { inputs: given, tensors: inputs, outputs, attrs, readers })].flat();
    values.forEach((value, i) => this.#values.set(outputs[i], value));
    this.#scope = outer;
  }

  #label(op: string): string {
    const count = (this.#counts.get(`op ${op}`) ?? 0) + 1;
    this.#counts.set(`op ${op}`, count);
    return count === 1 ? op : `${op}_${count}`;
  }
}

/** ONNX's element types (TensorProto.DataType). */
export const elementTypes: Readonly<Record<OnnxType, number>> = {
  f32: 1, f16: 10, f64: 11, i32: 6, u32: 12, i64: 7, bool: 9,
}; // prettier-ignore
