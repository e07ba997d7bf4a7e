// Decides where each tensor of a program lies: views share, dead buffers are taken again, parameters change in place.

import { bytesPerElement, type DType } from '../core/dtype.ts';
import type { Node, Tensor } from '../core/tensor.ts';
import type { Update } from '../core/trace.ts';
import type { MemoryPlan, Storage } from '../backends/device.ts';

/** A node with the memory that its kernels need between them. */
export interface Placed {
  readonly node: Node;
  readonly scratch: readonly Tensor[];
}

/** The memory plan, and for each node which output takes over which input's memory. */
export interface Placement {
  readonly memory: MemoryPlan;
  readonly aliases: ReadonlyMap<Node, readonly (number | null)[]>;
}

const ALIGNMENT = 256;

/** Bytes that a tensor's buffer takes. */
export const bytesOf = ({ dtype, size }: Tensor): number =>
  Math.max(1, Math.ceil((size * bytesPerElement[dtype]) / ALIGNMENT)) * ALIGNMENT;

/** True when a kernel may see both through one binding: bool is a u32 in memory. */
const sameType = (a: DType, b: DType): boolean =>
  a === b || (a === 'bool' && b === 'u32') || (a === 'u32' && b === 'bool');

/** The tensor whose memory `tensor` is a view of: itself, if it is none. */
export function viewedTensor(tensor: Tensor): Tensor {
  let root = tensor;
  while (root.node?.op.gpu === 'view') root = root.node.inputs[0];
  return root;
}

/** Places all tensors of the ordered `steps` (views left out). `outputs` stay readable after the run. */
export function planMemory(
  steps: readonly Placed[],
  outputs: readonly Tensor[],
  updates: readonly Update[],
): Placement {
  const storage = new Map<Tensor, Storage>();
  const aliases = new Map<Node, (number | null)[]>();
  const pool: number[] = [];
  const free: number[] = [];
  let bytesWithoutReuse = 0;

  const lastUse = new Map<Tensor, number>();
  steps.forEach(({ node }, at) => node.inputs.forEach((input) => lastUse.set(viewedTensor(input), at)));
  const kept = new Set([...outputs, ...updates.map(({ value }) => value)].map(viewedTensor));
  for (const tensor of kept) lastUse.set(tensor, Infinity);

  const take = (tensor: Tensor): number => {
    const bytes = bytesOf(tensor);
    // The smallest dead buffer that is large enough, but not one so large that it would be wasted.
    let best = -1;
    for (const buffer of free) {
      if (pool[buffer] >= bytes && pool[buffer] <= 2 * bytes && (best < 0 || pool[buffer] < pool[best])) best = buffer;
    }
    if (best < 0) return pool.push(bytes) - 1;
    free.splice(free.indexOf(best), 1);
    return best;
  };

  steps.forEach(({ node, scratch }, at) => {
    for (const tensor of [...node.outputs, ...scratch]) bytesWithoutReuse += bytesOf(tensor);
    const roots = node.inputs.map(viewedTensor);
    /** The input that ends here, or a parameter about to be updated, whose memory output `output` can have. */
    const aliasFor = (output: Tensor, taken: readonly (number | null)[]): number | null => {
      const parameter = updates.find(({ value }) => value === output)?.parameter;
      const found = roots.findIndex(
        (root, i) =>
          i >= firstInPlace &&
          node.inputs[i].size === output.size &&
          sameType(root.dtype, output.dtype) &&
          roots.filter((other) => other === root).length === 1 &&
          !taken.includes(i) &&
          (root === parameter || (!parameter && root.node !== null && lastUse.get(root) === at)),
      );
      return found < 0 ? null : found;
    };
    const firstInPlace = node.op.inPlaceFrom?.(node.attrs) ?? Infinity;
    const taken: (number | null)[] = [];
    for (const output of node.outputs) {
      const parameter = updates.find(({ value }) => value === output)?.parameter;
      const readUntil = parameter ? (lastUse.get(parameter) ?? -1) : Infinity;
      const alias = !parameter || readUntil <= at ? aliasFor(output, taken) : null;
      taken.push(alias);
      if (alias !== null) storage.set(output, storage.get(roots[alias]) ?? { leaf: roots[alias] });
      else if (parameter && readUntil < at) storage.set(output, { leaf: parameter });
      else storage.set(output, { pool: take(output) });
    }
    aliases.set(node, taken);
    for (const tensor of scratch) storage.set(tensor, { pool: take(tensor) });

    const release = (tensor: Tensor) => {
      const place = storage.get(tensor);
      if (place && 'pool' in place && !free.includes(place.pool)) free.push(place.pool);
    };
    scratch.forEach(release);
    new Set(roots).forEach((root) => {
      if (lastUse.get(root) === at && !taken.some((alias) => alias !== null && roots[alias] === root)) release(root);
    });
    for (const output of node.outputs) if (!lastUse.has(output)) release(output);
  });
  return { memory: { storage, pool, bytesWithoutReuse }, aliases };
}
