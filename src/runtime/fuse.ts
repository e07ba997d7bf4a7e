// Joins elementwise ops into fused nodes, so that a chain of them reads and writes memory once.

import { Constant, type Node, type Tensor } from '../core/tensor.ts';
import { sameShape } from '../core/shape.ts';
import { fusedOp, type Argument, type FusedAttrs } from '../ops/fused.ts';

/** What is carried out as one: a single node, or elementwise nodes of one shape. Nodes are in graph order. */
interface Unit {
  readonly nodes: Set<Node>;
}

/**
 * The nodes of `order` with elementwise ones fused, not yet in order of execution. `roots` are the tensors needed after
 * the run; a kernel binds at most `maxBindings` buffers.
 *
 * Going backwards, each elementwise node joins the units of its consumers where shapes agree, unless something outside
 * the joined unit would then have to run both before and after it.
 */
export function fuse(order: readonly Node[], roots: ReadonlySet<Tensor>, maxBindings: number): Node[] {
  const position = new Map(order.map((node, i) => [node, i]));
  const consumers = new Map<Node, Node[]>(order.map((node) => [node, []]));
  for (const node of order) {
    for (const { node: producer } of node.inputs) if (producer) consumers.get(producer)!.push(node);
  }
  const unitOf = new Map<Node, Unit>(order.map((node) => [node, { nodes: new Set([node]) }]));

  const externalOutputs = (nodes: ReadonlySet<Node>) =>
    [...nodes].flatMap((node) =>
      roots.has(node.outputs[0]) || consumers.get(node)!.some((user) => !nodes.has(user)) ? [node.outputs[0]] : [],
    );
  const externalInputs = (nodes: ReadonlySet<Node>) =>
    new Set([...nodes].flatMap((node) => node.inputs.filter((x) => !(x.node && nodes.has(x.node)) && !isLiteral(x))));

  /** True when a path leaves `nodes` and comes back: the joined unit would wait for itself. */
  const wouldCycle = (nodes: ReadonlySet<Node>): boolean => {
    const seen = new Set<Unit>();
    const stack = [...nodes].flatMap((node) => consumers.get(node)!.filter((user) => !nodes.has(user)));
    while (stack.length > 0) {
      const unit = unitOf.get(stack.pop()!)!;
      if (seen.has(unit)) continue;
      seen.add(unit);
      for (const node of unit.nodes) {
        for (const user of consumers.get(node)!) {
          if (nodes.has(user)) return true;
          stack.push(user);
        }
      }
    }
    return false;
  };

  for (const node of [...order].reverse()) {
    if (node.op.gpu !== 'pointwise') continue;
    for (const user of consumers.get(node)!) {
      const [own, other] = [unitOf.get(node)!, unitOf.get(user)!];
      if (own === other || user.op.gpu !== 'pointwise') continue;
      if (!sameShape(node.outputs[0].shape, user.outputs[0].shape)) continue;
      const joined = new Set([...own.nodes, ...other.nodes]);
      if (externalInputs(joined).size + externalOutputs(joined).length > maxBindings || wouldCycle(joined)) continue;
      const unit = { nodes: joined };
      for (const member of joined) unitOf.set(member, unit);
    }
  }

  return [...new Set(order.map((node) => unitOf.get(node)!))].map(({ nodes }) => {
    const [first] = nodes;
    if (first.op.gpu !== 'pointwise') return first;
    const sorted = [...nodes].sort((a, b) => position.get(a)! - position.get(b)!);
    return fusedNode(sorted, [...externalInputs(nodes)], externalOutputs(new Set(sorted)));
  });
}

/** Numbers are written into the kernel. */
const isLiteral = (tensor: Tensor): tensor is Constant => tensor instanceof Constant && tensor.size === 1;

function fusedNode(nodes: readonly Node[], inputs: readonly Tensor[], outputs: readonly Tensor[]): Node {
  const line = new Map(nodes.map((node, i) => [node.outputs[0], i]));
  const argument = (tensor: Tensor): Argument => {
    const { dtype } = tensor;
    if (isLiteral(tensor)) return { value: tensor.data[0], dtype };
    return line.has(tensor) ? { line: line.get(tensor)!, dtype } : { input: inputs.indexOf(tensor), dtype };
  };
  const attrs: FusedAttrs = {
    shape: nodes[0].outputs[0].shape,
    lines: nodes.map(({ op, attrs, inputs: args, outputs: [{ shape, dtype }] }) => ({
      op,
      attrs,
      args: args.map(argument),
      shape,
      dtype,
    })),
    outputs: outputs.map((output) => line.get(output)!),
  };
  return { op: fusedOp, attrs, inputs, outputs };
}
