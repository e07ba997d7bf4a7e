// How an op's record describes its ONNX form, and the minimal graph builder that takes. No protobuf here.

import type { DType, TensorData } from './dtype.ts';
import type { Shape } from './shape.ts';
import type { Node, Tensor, TensorSpec } from './tensor.ts';

/** Element types in an ONNX graph: ours, and those that ONNX requires for indices or that can hold a u32. */
export type OnnxType = DType | 'i64' | 'f64';

/** A value of an ONNX graph, by name. */
export interface OnnxValue {
  readonly name: string;
}

/** An input of a node. A number is a constant of the type of the op's first input; null omits an optional input. */
export type OnnxOperand = OnnxValue | number | null;

/** A node's attributes. Plain numbers are integers; `{ float }` is a float even if whole. */
export type OnnxAttributes = Readonly<
  Record<string, number | string | readonly number[] | readonly string[] | { readonly float: number }>
>;

/** The graph builder that writers use. Opset 17. */
export interface OnnxGraph {
  /** Adds a node and returns its first output. */
  node(type: string, inputs: readonly OnnxOperand[], attributes?: OnnxAttributes): OnnxValue;
  /** Adds a node and returns its first `count` outputs. */
  nodes(type: string, count: number, inputs: readonly OnnxOperand[], attributes?: OnnxAttributes): OnnxValue[];
  cast(x: OnnxValue, type: OnnxType): OnnxValue;
  /** A constant of rank 0. */
  number(value: number, type: OnnxType): OnnxValue;
  /**
   * A list of integers (int64): a shape, indices, axes. Sizes go here and to `reshape`, `expand` and `range` rather than
   * into attributes, so that they can stay open.
   */
  ints(values: readonly number[]): OnnxValue;
  /** The integers from 0 to `count` - 1 (int64). */
  range(count: number): OnnxValue;
  /** A constant tensor. */
  constant(data: TensorData): OnnxValue;
  reshape(x: OnnxValue, shape: Shape): OnnxValue;
  /** `x` repeated along axes of size 1. */
  expand(x: OnnxValue, shape: Shape): OnnxValue;
  /** The value of a tensor of the traced graph, or of one computed from such tensors: then its ops are written first. */
  valueOf(tensor: Tensor): OnnxValue;
}

/** One application of an op, to be written. */
export interface OnnxCall<A> {
  readonly inputs: readonly OnnxValue[];
  /** The inputs in the traced graph, with their shapes, types and nodes. */
  readonly tensors: readonly Tensor[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: A;
  /** The nodes that read an output; null if the traced function returns it. */
  readers(output: number): readonly (Node | null)[];
}

/** Writes one application of an op and returns its outputs, at least those that inference can use. */
export type OnnxWriter<A> = (graph: OnnxGraph, call: OnnxCall<A>) => OnnxValue | readonly OnnxValue[];

/**
 * An op in ONNX: the type of the one node that does the same; a writer of nodes; `as`, the op composed of others; or
 * `none`, why it cannot be exported and what to do instead, as sentences for exportOnnx()'s error.
 */
export type Onnx<A> =
  | string
  | OnnxWriter<A>
  | { as(inputs: readonly Tensor[], attrs: A): Tensor | readonly Tensor[] }
  | { readonly none: string };

/** For ops that occur only in gradients. */
export const gradientOnly = {
  none: 'It computes a gradient: export the forward function, and train here or in the framework that imports it.',
} as const;

/** For ops that draw random numbers. */
export const randomOnly = {
  none:
    "It draws random numbers, which ONNX's generators cannot reproduce: make the noise an input of the function, or trace it " +
    'without dropout and sampling.',
} as const;
