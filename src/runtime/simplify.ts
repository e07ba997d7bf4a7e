// Simplifies a graph before it is planned: eliminates common subexpressions and folds constants.

import { allocate } from '../core/dtype.ts';
import { topologicalOrder } from '../core/graph.ts';
import type { Op } from '../core/op.ts';
import { Constant, Tensor, type Node } from '../core/tensor.ts';

/** Results of up to this many elements are folded; larger ones only if an input is as large. */
const SMALL = 1024;

/**
 * What to compute instead of each of `roots`: equal nodes (same op, attributes and inputs) are merged, and nodes of constants
 * become constants. The graph itself is not modified; nodes that change are rebuilt.
 */
export function simplify(roots: readonly Tensor[]): (root: Tensor) => Tensor {
  const replaced = new Map<Tensor, Tensor>();
  const replacementOf = (tensor: Tensor): Tensor => replaced.get(tensor) ?? tensor;
  const known = new Map<Op, Map<string, readonly Tensor[]>>();
  const constants = new Map<string, Constant>();
  const ids = new Map<Tensor, number>();
  const idOf = (tensor: Tensor): number => {
    if (!ids.has(tensor)) ids.set(tensor, ids.size);
    return ids.get(tensor)!;
  };
  const unique = (constant: Constant): Constant => {
    if (constant.size !== 1) return constant;
    const key = `${constant.dtype} ${constant.shape} ${numberKey(constant.data[0])}`;
    if (!constants.has(key)) constants.set(key, constant);
    return constants.get(key)!;
  };

  for (const node of topologicalOrder(roots)) {
    const inputs = node.inputs.map((input) => {
      const current = replacementOf(input);
      return current instanceof Constant ? unique(current) : current;
    });
    const folded = fold({ ...node, inputs });
    if (folded) {
      folded.forEach((constant, i) => replaced.set(node.outputs[i], unique(constant)));
      continue;
    }
    const same = known.get(node.op) ?? new Map<string, readonly Tensor[]>();
    known.set(node.op, same);
    const key = `${inputs.map(idOf)} ${JSON.stringify(node.attrs, (_, value) => (typeof value === 'number' ? numberKey(value) : value))}`;
    let outputs = same.get(key);
    if (!outputs) {
      outputs = inputs.every((input, i) => input === node.inputs[i]) ? node.outputs : rebuilt({ ...node, inputs });
      same.set(key, outputs);
    }
    node.outputs.forEach((output, i) => replaced.set(output, outputs[i]));
  }
  return replacementOf;
}

/** A string that differs for any two numbers: JSON has no infinities and no -0. */
const numberKey = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** The outputs of a new node like `node`. */
function rebuilt({ op, attrs, inputs, outputs }: Node): readonly Tensor[] {
  const results: Tensor[] = [];
  const node: Node = { op, attrs, inputs, outputs: results };
  for (const { shape, dtype } of outputs) results.push(new Tensor(shape, dtype, node));
  return results;
}

/** The values of a node of constants; null if they would take much more memory than its inputs. */
function fold({ op, attrs, inputs, outputs }: Node): Constant[] | null {
  // The CPU reference holds f16 in a different form from constants.
  if (inputs.length === 0 || [...inputs, ...outputs].some(({ dtype }) => dtype === 'f16')) return null;
  if (!inputs.every((input): input is Constant => input instanceof Constant)) return null;
  // A repeated value is a literal in a kernel, while a constant takes memory and a binding.
  if (op.kind === 'pointwise' && outputs[0].size > 1 && inputs.every(({ size }) => size === 1)) return null;
  const largest = Math.max(SMALL, ...inputs.map(({ size }) => size));
  if (outputs.some(({ size }) => size > largest)) return null;
  const results = outputs.map(({ dtype, size }) => allocate(dtype, size));
  op.cpu({ inputs: inputs.map(({ data }) => data), outputs: results, inputSpecs: inputs, outputSpecs: outputs, attrs });
  return outputs.map(({ shape, dtype }, i) => new Constant(shape, dtype, results[i]));
}
