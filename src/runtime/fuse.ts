// Fuses elementwise ops with each other and into the kernel before them, so that a chain reads and writes memory once.

import { isFloat } from '../core/dtype.ts';
import { fromFloat16 } from '../core/float16.ts';
import { floatType } from '../core/kernel.ts';
import type { KernelOp, PointwiseOp } from '../core/op.ts';
import { Constant, type Node, type Tensor } from '../core/tensor.ts';
import { sameShape } from '../core/shape.ts';
import { UnitGraph } from './unit-graph.ts';
import { fusedOp, type Argument, type FusedAttrs } from '../ops/elementwise/fused.ts';

/**
 * The nodes of `order` with elementwise ones fused, not yet in execution order. `roots` are the tensors needed after the
 * run; a kernel has at most `maxBindings` bindings, and a tensor needs `bindingsOf` it.
 *
 * Going backwards, each elementwise node joins the units of its consumers of the same shape, unless a node outside the
 * joined unit would then have to run both before and after it.
 */
export function fuse(
  order: readonly Node[],
  roots: ReadonlySet<Tensor>,
  maxBindings: number,
  bindingsOf: (tensor: Tensor) => number,
): Node[] {
  const count = (tensors: Iterable<Tensor>) => [...tensors].reduce((sum, tensor) => sum + bindingsOf(tensor), 0);
  const position = new Map(order.map((node, i) => [node, i]));
  const consumers = new Map<Node, Node[]>(order.map((node) => [node, []]));
  for (const node of order) {
    for (const { node: producer } of node.inputs) if (producer) consumers.get(producer)!.push(node);
  }
  const units = new UnitGraph(order, consumers);

  const externalOutputs = (nodes: ReadonlySet<Node>) =>
    [...nodes].flatMap((node) =>
      roots.has(node.outputs[0]) || consumers.get(node)!.some((user) => !nodes.has(user)) ? [node.outputs[0]] : [],
    );
  /** What the elementwise nodes among `nodes` read from outside. */
  const externalInputs = (nodes: ReadonlySet<Node>) =>
    new Set(
      [...nodes]
        .filter(isPointwise)
        .flatMap((node) => node.inputs.filter((x) => !(x.node && nodes.has(x.node)) && !isLiteral(x))),
    );
  const fits = (nodes: ReadonlySet<Node>): boolean => {
    const producer = producerOf(nodes);
    // A producer's inputs are bound separately even if the chain reads them too, and it may bind scratch.
    const ofProducer = producer ? count(producer.inputs) + 1 : 0;
    return ofProducer + count(externalInputs(nodes)) + count(externalOutputs(nodes)) <= maxBindings;
  };

  const backwards = order.filter((node) => isPointwise(node)).reverse();
  // Two passes: a unit that binds too many buffers may bind fewer once it has joined what it reads.
  for (const node of [...backwards, ...backwards]) {
    for (const user of consumers.get(node)!) {
      const [own, other] = [units.of(node), units.of(user)];
      if (own === other || !isPointwise(user)) continue;
      if (!sameShape(node.outputs[0].shape, user.outputs[0].shape)) continue;
      if (fits(new Set([...own.nodes, ...other.nodes]))) units.join(own, other);
    }
  }

  // Then a kernel that writes through `store` takes one unit of elementwise ops that reads its output as its epilogue.
  for (const producer of order) {
    if (!canEndInChain(producer) || !isFloat(producer.outputs[0].dtype)) continue;
    const { shape } = producer.outputs[0];
    for (const user of consumers.get(producer)!) {
      const unit = units.of(user);
      if (!isPointwise(user) || !sameShape(user.outputs[0].shape, shape) || producerOf(unit.nodes)) continue;
      if (fits(new Set([producer, ...unit.nodes])) && units.join(units.of(producer), unit)) break;
    }
  }

  return [...new Set(order.map((node) => units.of(node).nodes))].map((nodes) => {
    const sorted = [...nodes].sort((a, b) => position.get(a)! - position.get(b)!);
    if (nodes.size === 1 && !isPointwise(sorted[0])) return sorted[0];
    return fusedNode(sorted, [...externalInputs(nodes)], externalOutputs(new Set(sorted)));
  });
}

// oxlint-disable-next-line no-explicit-any -- see Op.
const isPointwise = (node: Node): node is Node & { readonly op: PointwiseOp<any> } => node.op.kind === 'pointwise';

// oxlint-disable-next-line no-explicit-any -- see Op.
const canEndInChain = (node: Node): node is Node & { readonly op: KernelOp<any> } =>
  node.op.kind === 'kernels' && node.op.stores === true;

/** The node of a unit whose epilogue the elementwise ones are. */
const producerOf = (nodes: Iterable<Node>) => [...nodes].find(canEndInChain);

/** Single values are written into the kernel. */
const isLiteral = (tensor: Tensor): tensor is Constant => tensor instanceof Constant && tensor.size === 1;

/** The fused node of `nodes`, which are in graph order; `readByChain` is what the elementwise ones read from outside. */
function fusedNode(nodes: readonly Node[], readByChain: readonly Tensor[], outputs: readonly Tensor[]): Node {
  const producer = producerOf(nodes);
  const pointwise = nodes.filter(isPointwise);
  const inputs = [...(producer?.inputs ?? []), ...readByChain];
  const firstOfChain = producer?.inputs.length ?? 0;
  const chainIndex = new Map(pointwise.map((node, i) => [node.outputs[0], i]));
  const argument = (tensor: Tensor): Argument => {
    const { dtype } = tensor;
    if (isLiteral(tensor)) {
      const [value] = tensor.data;
      return { from: 'number', value: dtype === 'f16' ? fromFloat16(value) : value, dtype };
    }
    if (tensor.node && tensor.node === producer) return { from: 'producer', dtype };
    const at = chainIndex.get(tensor);
    return at !== undefined
      ? { from: 'chain', at, dtype }
      : { from: 'input', at: firstOfChain + readByChain.indexOf(tensor), dtype };
  };
  const attrs: FusedAttrs = {
    shape: nodes[0].outputs[0].shape,
    producer: producer
      ? {
          op: producer.op,
          attrs: producer.attrs,
          inputs: producer.inputs.length,
          dtype: floatType(producer.outputs[0].dtype),
        }
      : null,
    chain: pointwise.map(({ op, attrs, inputs: args, outputs: [{ shape, dtype }] }) => ({
      op,
      attrs,
      args: args.map(argument),
      shape,
      dtype,
    })),
    outputs: outputs.map(argument),
  };
  return { op: fusedOp, attrs, inputs, outputs };
}
