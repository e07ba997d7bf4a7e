// Turns ordered nodes into steps: picks each op's kernels for a device, and gives them memory.

import type { MemoryPlan, Step } from '../backends/device.ts';
import type { Capabilities } from '../core/kernel.ts';
import type { KernelCall, Op, Variant } from '../core/op.ts';
import { Tensor, type Node } from '../core/tensor.ts';
import type { Update } from '../core/trace.ts';
import { planMemory } from './memory.ts';

/** Picks one of the ways to compute `op`. */
export type ChooseVariant = (op: Op, variants: readonly Variant[]) => Variant;

/** A record lists its variants best first. */
export const chooseFirst: ChooseVariant = (_op, variants) => variants[0];

/** The steps of `nodes` on a device, and where their tensors lie. Without `capabilities` the steps have no kernels. */
export function lower(
  nodes: readonly Node[],
  outputs: readonly Tensor[],
  updates: readonly Update[],
  capabilities: Capabilities | null,
  choose: ChooseVariant,
): { steps: Step[]; memory: MemoryPlan } {
  const variantOf = (
    { op, inputs, outputs: results, attrs }: Node,
    aliases?: KernelCall<object>['aliases'],
  ): Variant => {
    // Kernels divide by sizes, so there are none where nothing is computed.
    const empty = results.every(({ size }) => size === 0);
    if (!capabilities || typeof op.gpu === 'string' || empty) return { name: '', kernels: [] };
    return choose(op, op.gpu({ inputs, outputs: results, attrs, capabilities, aliases }));
  };
  // Scratch must be known before memory is planned, and aliases are known only after it: hence two calls for a variant.
  const placed = nodes.map((node) => {
    const scratch = variantOf(node).scratch ?? [];
    return { node, scratch: scratch.map(({ shape, dtype }) => new Tensor(shape, dtype)) };
  });
  const { memory, aliases } = planMemory(placed, outputs, updates);
  const steps = placed.map(({ node, scratch }): Step => {
    const { kernels } = variantOf(node, aliases.get(node));
    return { op: node.op, attrs: node.attrs, inputs: node.inputs, outputs: node.outputs, kernels, scratch };
  });
  return { steps, memory };
}
