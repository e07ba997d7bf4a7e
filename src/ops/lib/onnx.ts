// Helpers for writing ops to ONNX. Runtimes barely support arithmetic on u32 and bool, so other types stand in for these.

import type { OnnxCall, OnnxGraph, OnnxOperand, OnnxType, OnnxValue, OnnxWriter } from '../../core/onnx.ts';
import type { DType } from '../../core/dtype.ts';

/** The type in which runtimes compute a dtype: u32 as i64, bool as i32, others as they are. */
export const heldAs = (dtype: DType): OnnxType => (dtype === 'u32' ? 'i64' : dtype === 'bool' ? 'i32' : dtype);

/** `x` of type `dtype`, cast to the type that runtimes compute with. */
export const held = (graph: OnnxGraph, x: OnnxValue, dtype: DType): OnnxValue =>
  heldAs(dtype) === dtype ? x : graph.cast(x, heldAs(dtype));

/** The inverse of `held`. */
export const given = (graph: OnnxGraph, x: OnnxValue, dtype: DType): OnnxValue =>
  heldAs(dtype) === dtype ? x : graph.cast(x, dtype);

/**
 * A writer of an op whose inputs, except for the first `skip`, and whose output have one type: `write` takes and returns
 * them in the type that runtimes compute with.
 */
export const inHeldType =
  <A>(
    write: (graph: OnnxGraph, inputs: readonly OnnxValue[], call: OnnxCall<A>) => OnnxValue,
    skip = 0,
  ): OnnxWriter<A> =>
  (graph, call) => {
    const inputs = call.inputs.map((x, i) => (i < skip ? x : held(graph, x, call.tensors[i].dtype)));
    return given(graph, write(graph, inputs, call), call.outputs[0].dtype);
  };

/** A writer of one node on numbers of any type. */
export const oneNode = (type: string): OnnxWriter<object> => inHeldType((graph, inputs) => graph.node(type, inputs));

/** A writer of one node of sums or products, where u32 wraps at 32 bits. */
export const wrapping = (type: string): OnnxWriter<object> =>
  inHeldType((graph, inputs, { outputs: [{ dtype }] }) => {
    const y = graph.node(type, inputs);
    return dtype === 'u32' ? graph.node('Mod', [y, graph.number(2 ** 32, 'i64')]) : y;
  });

/** A writer of one node that compares numbers of any type. */
export const comparing =
  (type: string): OnnxWriter<object> =>
  (graph, { inputs, tensors }) =>
    graph.node(type, inputs.map((x, i) => held(graph, x, tensors[i].dtype))); // prettier-ignore

/** Nested nodes: `['Neg', ['Exp', x]]`. The first entry is a node's type, the others are its inputs. */
export interface NestedNode extends ReadonlyArray<string | OnnxOperand | NestedNode> {}

/** Adds nested nodes and returns the outermost's output. */
export function nest(graph: OnnxGraph, [type, ...inputs]: NestedNode): OnnxValue {
  const operands = inputs.map((input) => (Array.isArray(input) ? nest(graph, input) : (input as OnnxOperand)));
  return graph.node(type as string, operands);
}

/** A writer of nested nodes without attributes. */
export const nested =
  <A>(make: (inputs: readonly OnnxValue[], attrs: A) => NestedNode): OnnxWriter<A> =>
  (graph, { inputs, attrs }) =>
    nest(graph, make(inputs, attrs));
