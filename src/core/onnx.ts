// How a record says what its op is in ONNX, and the little of a graph builder that it needs for that. Nothing of protobuf is here.

import type { DType, TensorData } from './dtype.ts';
import type { Shape } from './shape.ts';
import type { Node, Tensor, TensorSpec } from './tensor.ts';

/** Element types of values in an ONNX graph: ours, and those that ONNX wants for places or that hold a u32. */
export type OnnxType = DType | 'i64' | 'f64';

/** A value of an ONNX graph, by its name there. */
export interface OnnxValue {
  readonly name: string;
}

/** An input of a node. A number is a constant of the type of the op's first input; null leaves an optional input out. */
export type OnnxOperand = OnnxValue | number | null;

/** A node's attributes: integers, text, lists of integers, texts, and numbers that are floats even where they are whole. */
export type OnnxAttributes = Readonly<
  Record<string, number | string | readonly number[] | readonly string[] | { readonly float: number }>
>;

/** What writers add nodes with. Opset 17. */
export interface OnnxGraph {
  /** Adds a node and gives its first output. */
  node(type: string, inputs: readonly OnnxOperand[], attributes?: OnnxAttributes): OnnxValue;
  /** Adds a node and gives its first `count` outputs. */
  nodes(type: string, count: number, inputs: readonly OnnxOperand[], attributes?: OnnxAttributes): OnnxValue[];
  cast(x: OnnxValue, type: OnnxType): OnnxValue;
  /** One number without axes. */
  number(value: number, type: OnnxType): OnnxValue;
  /**
   * A list of integers (int64): a shape, places, axes. Sizes stand here and in `reshape`, `expand` and `range` rather than in
   * attributes, so that they can stay open.
   */
  ints(values: readonly number[]): OnnxValue;
  /** The numbers from 0 to before `count` (int64). */
  range(count: number): OnnxValue;
  /** A constant tensor. */
  constant(data: TensorData): OnnxValue;
  reshape(x: OnnxValue, shape: Shape): OnnxValue;
  /** `x` repeated along axes of size 1. */
  expand(x: OnnxValue, shape: Shape): OnnxValue;
  /** The value of a tensor: one of the traced graph, or one that is made of such by ops, which are written then. */
  valueOf(tensor: Tensor): OnnxValue;
}

/** What an op is written from. */
export interface OnnxCall<A> {
  readonly inputs: readonly OnnxValue[];
  /** The inputs in the traced graph: shapes and types, and where they come from. */
  readonly tensors: readonly Tensor[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: A;
  /** The nodes that read an output; null where the function gives it. */
  readers(output: number): readonly (Node | null)[];
}

/** Writes one application of an op and gives its outputs, at least those that inference can ask for. */
export type OnnxWriter<A> = (graph: OnnxGraph, call: OnnxCall<A>) => OnnxValue | readonly OnnxValue[];

/**
 * An op in ONNX: the type of the one node that does the same; a writer of nodes; `as`, the same made of other ops; or `none`,
 * why there is nothing, and what to do instead, as sentences of exportOnnx()'s error.
 */
export type Onnx<A> =
  | string
  | OnnxWriter<A>
  | { as(inputs: readonly Tensor[], attrs: A): Tensor | readonly Tensor[] }
  | { readonly none: string };

/** For ops that stand in gradients only. */
export const gradientOnly = {
  none: 'It computes a gradient: export the forward function, and train here or with the framework that reads the export.',
} as const;

/** For ops that draw random numbers. */
export const randomOnly = {
  none:
    "It draws random numbers, and ONNX's generators give others: make the noise an input of the function, or trace it " +
    'without dropout and sampling.',
} as const;
