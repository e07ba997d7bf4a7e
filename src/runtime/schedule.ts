// Puts the nodes of a program in execution order, parameter updates last.

import type { Node, Tensor } from '../core/tensor.ts';

/**
 * `nodes` ordered so that each follows its inputs. Nodes that compute `updates` come as late as possible: if all readers
 * of a parameter run before its update, the update can be made in place.
 */
export function schedule(nodes: readonly Node[], outputs: readonly Tensor[], updates: readonly Tensor[]): Node[] {
  const producer = new Map(nodes.flatMap((node) => node.outputs.map((tensor) => [tensor, node] as const)));
  const producersOf = (tensors: readonly Tensor[]) => tensors.flatMap((tensor) => producer.get(tensor) ?? []);
  const results = producersOf(updates);
  const roots = [...producersOf(outputs), ...results.flatMap(({ inputs }) => producersOf(inputs)), ...results];
  return ordered(roots, ({ inputs }) => producersOf(inputs))!;
}

/** `roots` and all that must run before them, each once, in the given order where possible; null if there is a cycle. */
export function ordered(roots: readonly Node[], before: (node: Node) => readonly Node[]): Node[] | null {
  const order: Node[] = [];
  const done = new Map<Node, boolean>();
  // An explicit stack: a deep network would overflow the call stack.
  const stack: { node: Node; waits: readonly Node[]; next: number }[] = [];
  const enter = (node: Node): boolean => {
    if (done.has(node)) return done.get(node)!;
    done.set(node, false);
    stack.push({ node, waits: before(node), next: 0 });
    return true;
  };
  for (const root of roots) {
    enter(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.waits.length) {
        if (!enter(top.waits[top.next++])) return null;
      } else {
        done.set(top.node, true);
        order.push(stack.pop()!.node);
      }
    }
  }
  return order;
}
