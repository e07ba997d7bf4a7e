// Topological order of a graph.

import type { Node, Tensor } from './tensor.ts';

/** The nodes that `roots` need, each after its inputs. */
export function topologicalOrder(roots: readonly Tensor[], order: Node[] = [], seen = new Set<Node>()): Node[] {
  // An explicit stack: a deep network would overflow the call stack.
  const stack: { node: Node; next: number }[] = [];
  const visit = (tensor: Tensor) => {
    if (tensor.node && !seen.has(tensor.node)) {
      seen.add(tensor.node);
      stack.push({ node: tensor.node, next: 0 });
    }
  };
  for (const root of roots) {
    visit(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.node.inputs.length) visit(top.node.inputs[top.next++]);
      else order.push(stack.pop()!.node);
    }
  }
  return order;
}
