// Reverse-mode differentiation: walks a graph backwards and adds nodes that compute the gradients.

import { isFloat } from '../core/dtype.ts';
import { topologicalOrder } from '../core/graph.ts';
import { formatShape } from '../core/shape.ts';
import { fill, type Tensor } from '../core/tensor.ts';
import { add } from '../ops/elementwise/binary.ts';
import { expand } from '../ops/movement/expand.ts';
import { sumTo } from '../ops/reductions/sum-to.ts';

/**
 * Gradients of `output` (one number) with respect to each of `inputs`, as tensors of the same graph: they can be
 * differentiated again. An input that `output` does not depend on gets zeros.
 * Throws if an op without a gradient lies between them; the error says what to do instead.
 */
export function grad(output: Tensor, inputs: readonly Tensor[]): Tensor[] {
  if (output.size !== 1) {
    throw new Error(
      `grad: the output must be one number, but has shape ${formatShape(output.shape)}; reduce it with sum() or mean().`,
    );
  }
  const order = topologicalOrder([output]);
  const needed = new Set<Tensor>(inputs);
  for (const { inputs: sources, outputs } of order) {
    if (sources.some((source) => needed.has(source))) for (const tensor of outputs) needed.add(tensor);
  }
  const gradients = new Map<Tensor, Tensor>([[output, fill(output.shape, 1, output.dtype)]]);
  for (const node of order.reverse()) {
    const received = node.outputs.map((tensor) => gradients.get(tensor) ?? null);
    if (!received.some(Boolean) || !node.inputs.some((source) => needed.has(source) && isFloat(source.dtype))) continue;
    if (node.op.vjp === 'none') {
      const advice = node.op.noGradient ?? 'Wrap what should be treated as a constant in detach().';
      throw new Error(`grad: ${node.op.name} has no gradient, but ${output} depends on an input through it. ${advice}`);
    }
    const given = node.op.vjp({ inputs: node.inputs, outputs: node.outputs, gradients: received, attrs: node.attrs });
    node.inputs.forEach((source, i) => {
      if (!given[i] || !needed.has(source)) return;
      const gradient = sumTo(given[i], source.shape);
      const others = gradients.get(source);
      gradients.set(source, others ? add(others, gradient) : gradient);
    });
  }
  return inputs.map((input) => gradients.get(input) ?? expand(fill([], 0, input.dtype), input.shape));
}
