// Puts the nodes of a program in order of execution, parameter updates last.

import type { Node, Tensor } from '../core/tensor.ts';

/**
 * `nodes` so that each follows what it reads. Nodes that make `updates` come as late as they can: when everything that
 * reads a parameter stands before its update, the update can be made in place.
 */
export function schedule(nodes: readonly Node[], outputs: readonly Tensor[], updates: readonly Tensor[]): Node[] {
  const producer = new Map(nodes.flatMap((node) => node.outputs.map((tensor) => [tensor, node] as const)));
  const order: Node[] = [];
  const seen = new Set<Node>();
  const visit = (root: Tensor) => {
    const stack: { node: Node; next: number }[] = [];
    const enter = (tensor: Tensor) => {
      const node = producer.get(tensor);
      if (!node || seen.has(node)) return;
      seen.add(node);
      stack.push({ node, next: 0 });
    };
    enter(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.node.inputs.length) enter(top.node.inputs[top.next++]);
      else order.push(stack.pop()!.node);
    }
  };
  outputs.forEach(visit);
  for (const update of updates) producer.get(update)?.inputs.forEach(visit);
  updates.forEach(visit);
  return order;
}
