// Turns ordered nodes into steps: picks each op's kernels for a device, and plans memory.

import type { MemoryPlan, Step } from '../backends/device.ts';
import { bytesPerElement } from '../core/dtype.ts';
import {
  bindingsFor,
  bytesPerBoundElement,
  windowSize,
  type Capabilities,
  type Kernel,
  type Variant,
} from '../core/kernel.ts';
import type { KernelCall, Op } from '../core/op.ts';
import { Tensor, type Node } from '../core/tensor.ts';
import type { Update } from '../core/trace.ts';
import { bytesOf, planMemory } from './memory.ts';

/** Picks one of `op`'s variants; `call` has its shapes and attributes. */
export type ChooseVariant = (
  op: Op,
  variants: readonly Variant[],
  call: Pick<KernelCall<object>, 'inputs' | 'outputs' | 'attrs'>,
) => Variant;

/** A record lists its variants best first. */
export const chooseFirst: ChooseVariant = (_op, variants) => variants[0];

/** The steps of `nodes` on a device, and their memory plan. Without `capabilities` the steps have no kernels. */
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
    // Kernels divide by sizes, so empty results get none.
    const empty = results.every(({ size }) => size === 0);
    if (!capabilities || op.kind !== 'kernels' || empty) return { name: '', kernels: [] };
    const call = { inputs, outputs: results, attrs };
    return choose(op, op.gpu({ ...call, capabilities, aliases }), call);
  };
  // Planning memory requires the scratch of each variant, but determines aliases: a node with any picks its variant again.
  const placed = nodes.map((node) => {
    const { kernels, scratch = [] } = variantOf(node);
    return { node, kernels, scratch: scratch.map(({ shape, dtype }) => new Tensor(shape, dtype)) };
  });
  const { memory, aliases } = planMemory(placed, outputs, updates);
  const steps = placed.map(({ node, kernels: first, scratch }): Step => {
    const { op, attrs, inputs, outputs: results } = node;
    const taken = aliases.get(node);
    const kernels = taken?.some((alias) => alias !== null) ? variantOf(node, taken).kernels : first;
    const fitted = kernels.map((kernel) => fitBindings(kernel, [...inputs, ...scratch], results, capabilities!));
    return { op, attrs, inputs, outputs: results, kernels: fitted, scratch };
  });
  return { steps, memory };
}

/** From this many elements on, a kernel declares a tensor's length: that is worth separate WGSL for each length. */
const MANY = 2 ** 16;

/** `kernel` with the lengths of long tensors, and windows for those above the device's limit for one binding. */
function fitBindings(
  kernel: Kernel,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  capabilities: Capabilities,
): Kernel {
  const fit = (bindings: Kernel['inputs'], tensors: readonly Tensor[]) =>
    bindings.map((binding, i) => {
      if (!binding) return null;
      const [tensor, bytesEach] = [tensors[i], bytesPerBoundElement[binding.type]];
      const count = bindingsFor(bytesOf(tensor), capabilities);
      if (count === 1) {
        if (tensor.size < MANY) return binding;
        return { ...binding, length: Math.ceil((tensor.size * bytesPerElement[tensor.dtype]) / bytesEach) };
      }
      const elements = windowSize(capabilities.maxStorageBufferBindingSize) / bytesEach;
      return { ...binding, windows: { count, elements } };
    });
  return { ...kernel, inputs: fit(kernel.inputs, inputs), outputs: fit(kernel.outputs, outputs) };
}
