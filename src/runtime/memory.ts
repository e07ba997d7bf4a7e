// Decides where each tensor of a program lies: views share, dead buffers are taken again, parameters change in place.

import { bytesPerElement, type DType } from '../core/dtype.ts';
import { Packed, partsOf, type Pack } from '../core/pack.ts';
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
  while (root.node?.op.kind === 'view') root = root.node.inputs[0];
  return root;
}

/** Where results lie side by side: the pack of each, and where in it. */
function packedResults(steps: readonly Placed[]): Map<Tensor, { pack: Pack; offset: number }> {
  const packs = steps.flatMap(({ node }) =>
    [...node.inputs, ...node.outputs].flatMap((tensor) => (tensor instanceof Packed ? tensor.pack : [])),
  );
  return new Map(
    [...new Set(packs)]
      .filter(({ parameters }) => !parameters)
      .flatMap((pack) => pack.members.map((member, i) => [member, { pack, offset: pack.offsets[i] }] as const)),
  );
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

  const packed = packedResults(steps);
  /** What is taken and given back as one. */
  const wholes = new Set([...packed.values()].map(({ pack }) => pack.whole));
  const isResult = (root: Tensor) => root.node !== null || wholes.has(root);
  const ownerOf = (tensor: Tensor): Tensor => {
    const root = viewedTensor(tensor);
    return packed.get(root)?.pack.whole ?? root;
  };
  /** `tensor`, of which a kernel takes neighbours together, as the owner of their memory or the first of parameters. */
  const rootOf = (tensor: Tensor): Tensor =>
    tensor instanceof Packed
      ? tensor.pack.parameters
        ? tensor.pack.members[tensor.first]
        : tensor.pack.whole
      : ownerOf(tensor);

  const lastUse = new Map<Tensor, number>();
  steps.forEach(({ node }, at) => node.inputs.flatMap(partsOf).forEach((input) => lastUse.set(ownerOf(input), at)));
  const kept = new Set([...outputs, ...updates.map(({ value }) => value)].map(ownerOf));
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

  /** Where a pack's members lie from `first` on. */
  const placeIn = ({ parameters, offsets, whole }: Pack, first: number): Storage => {
    if (parameters) return { leaf: parameters[first] };
    return { ...(storage.get(whole) as Extract<Storage, { pool: number }>), offset: offsets[first] };
  };

  steps.forEach(({ node, scratch }, at) => {
    for (const tensor of [...node.outputs, ...scratch]) bytesWithoutReuse += bytesOf(tensor);
    for (const input of node.inputs) if (input instanceof Packed) storage.set(input, placeIn(input.pack, input.first));
    const roots = node.inputs.map(rootOf);
    const firstInPlace = node.op.kind === 'kernels' ? (node.op.inPlaceFrom?.(node.attrs) ?? Infinity) : Infinity;
    const taken: (number | null)[] = [];
    /** The input that ends here, or the parameter about to be updated, whose memory output `output` can have. */
    const aliasFor = (output: Tensor, parameter?: Tensor): number | null => {
      const ends = (root: Tensor) =>
        isResult(root) && lastUse.get(root) === at && [root, rootOf(output)].every(({ size }) => size === output.size);
      const found = roots.findIndex(
        (root, i) =>
          i >= firstInPlace &&
          node.inputs[i].size === output.size &&
          sameType(root.dtype, output.dtype) &&
          roots.filter((other) => other === root).length === 1 &&
          !taken.includes(i) &&
          (parameter ? root === parameter : ends(root)),
      );
      return found < 0 ? null : found;
    };
    for (const output of node.outputs) {
      const together = output instanceof Packed ? output : null;
      const root = rootOf(output);
      const parameter = together?.pack.parameters ? root : updates.find(({ value }) => value === output)?.parameter;
      // Of parameters that are taken together, what reads the old values stands before.
      const readUntil = !parameter ? Infinity : together ? -1 : (lastUse.get(parameter) ?? -1);
      const alias = !parameter || readUntil <= at ? aliasFor(output, parameter) : null;
      taken.push(alias);
      if (alias !== null) storage.set(root, storage.get(roots[alias]) ?? { leaf: roots[alias] });
      else if (parameter && readUntil < at) storage.set(root, { leaf: parameter });
      else if (!storage.has(root)) storage.set(root, { pool: take(root), offset: 0 });
      const spot = packed.get(output);
      if (spot)
        storage.set(output, { ...(storage.get(root) as { pool: number; offset: number }), offset: spot.offset });
      if (!together) continue;
      storage.set(together, placeIn(together.pack, together.first));
      together.parts.forEach((part, i) => storage.set(part, placeIn(together.pack, together.first + i)));
    }
    aliases.set(node, taken);
    for (const tensor of scratch) storage.set(tensor, { pool: take(tensor), offset: 0 });

    const release = (tensor: Tensor) => {
      const place = storage.get(tensor);
      if (place && 'pool' in place && !free.includes(place.pool)) free.push(place.pool);
    };
    scratch.forEach(release);
    new Set(roots).forEach((root) => {
      if (lastUse.get(root) === at && !taken.some((alias) => alias !== null && roots[alias] === root)) release(root);
    });
    for (const root of node.outputs.map(rootOf)) if (!lastUse.has(root)) release(root);
  });
  return { memory: { storage, pool, bytesWithoutReuse }, aliases };
}
