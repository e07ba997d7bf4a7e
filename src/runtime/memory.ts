// Assigns memory to a program's tensors: views share it, buffers are reused by liveness, parameters are updated in place.

import { bytesPerElement, type DType } from '../core/dtype.ts';
import { ArenaSpan, partsOf, type Arena } from '../core/arena.ts';
import type { Parameter } from '../core/parameter.ts';
import type { Node, Tensor } from '../core/tensor.ts';
import type { Update } from '../core/trace.ts';
import type { MemoryPlan, Storage } from '../backends/device.ts';

/** A node with the scratch of its kernels. */
export interface Placed {
  readonly node: Node;
  readonly scratch: readonly Tensor[];
}

/** The memory plan, and for each node which output overwrites which input in place. */
export interface Placement {
  readonly memory: MemoryPlan;
  readonly aliases: ReadonlyMap<Node, readonly (number | null)[]>;
}

const ALIGNMENT = 256;

/** Bytes of a tensor's buffer. */
export const bytesOf = ({ dtype, size }: Tensor): number =>
  Math.max(1, Math.ceil((size * bytesPerElement[dtype]) / ALIGNMENT)) * ALIGNMENT;

/** True when one binding can serve both: bool is a u32 in memory. */
const sameType = (a: DType, b: DType): boolean =>
  a === b || (a === 'bool' && b === 'u32') || (a === 'u32' && b === 'bool');

/** The tensor that `tensor` is a view of; itself if it is not a view. */
export function viewedTensor(tensor: Tensor): Tensor {
  let root = tensor;
  while (root.node?.op.kind === 'view') root = root.node.inputs[0];
  return root;
}

/** The arena and byte offset of each result that is in one. */
function resultSpots(steps: readonly Placed[]): Map<Tensor, { arena: Arena; offset: number }> {
  const arenas = steps.flatMap(({ node }) =>
    [...node.inputs, ...node.outputs].flatMap((tensor) => (tensor instanceof ArenaSpan ? tensor.arena : [])),
  );
  return new Map(
    [...new Set(arenas)]
      .filter(({ parameters }) => !parameters)
      .flatMap((arena) => arena.members.map((member, i) => [member, { arena, offset: arena.offsets[i] }] as const)),
  );
}

/** The parameter that each value updates; the first if there are several. */
export function firstUpdated(updates: readonly Update[]): Map<Tensor, Parameter> {
  const updated = new Map<Tensor, Parameter>();
  for (const { parameter, value } of updates) if (!updated.has(value)) updated.set(value, parameter);
  return updated;
}

/** Buffers that are reused once their tensor is dead. */
class BufferPool {
  /** Bytes of each buffer. */
  readonly sizes: number[] = [];
  /** Free buffers by size; a set keeps the order in which they were released. */
  readonly #free = new Map<number, Set<number>>();
  /** The keys of `#free` in ascending order: there are far fewer sizes than buffers. */
  readonly #ascending: number[] = [];

  /** The smallest free buffer that holds `bytes` and wastes at most half of itself, or a new one. */
  take(bytes: number): number {
    for (let at = firstAtLeast(this.#ascending, bytes); this.#ascending[at] <= 2 * bytes; at++) {
      const free = this.#free.get(this.#ascending[at])!;
      for (const buffer of free) {
        free.delete(buffer);
        return buffer;
      }
    }
    return this.sizes.push(bytes) - 1;
  }

  release(buffer: number): void {
    const bytes = this.sizes[buffer];
    const free = this.#free.get(bytes);
    if (free) free.add(buffer);
    else {
      this.#free.set(bytes, new Set([buffer]));
      this.#ascending.splice(firstAtLeast(this.#ascending, bytes), 0, bytes);
    }
  }
}

/** The index of the first of the `ascending` numbers that is at least `least`. */
function firstAtLeast(ascending: readonly number[], least: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Assigns memory to all tensors of the ordered `steps` (without views). `outputs` stay readable after the run. */
export function planMemory(
  steps: readonly Placed[],
  outputs: readonly Tensor[],
  updates: readonly Update[],
): Placement {
  const storage = new Map<Tensor, Storage>();
  const aliases = new Map<Node, (number | null)[]>();
  const pool = new BufferPool();
  let bytesWithoutReuse = 0;

  const spots = resultSpots(steps);
  /** Arenas are allocated and released as a whole. */
  const wholes = new Set([...spots.values()].map(({ arena }) => arena.whole));
  const isResult = (root: Tensor) => root.node !== null || wholes.has(root);
  const ownerOf = (tensor: Tensor): Tensor => {
    const root = viewedTensor(tensor);
    return spots.get(root)?.arena.whole ?? root;
  };
  /** The owner of `tensor`'s memory; of parameters in an arena, the first. */
  const rootOf = (tensor: Tensor): Tensor =>
    tensor instanceof ArenaSpan
      ? tensor.arena.parameters
        ? tensor.arena.members[tensor.first]
        : tensor.arena.whole
      : ownerOf(tensor);

  const lastUse = new Map<Tensor, number>();
  steps.forEach(({ node }, at) => node.inputs.flatMap(partsOf).forEach((input) => lastUse.set(ownerOf(input), at)));
  const updated = firstUpdated(updates);
  const kept = new Set([...outputs, ...updates.map(({ value }) => value)].map(ownerOf));
  for (const tensor of kept) lastUse.set(tensor, Infinity);

  /** The storage of an arena's members from `first` on. */
  const placeIn = ({ parameters, offsets, whole }: Arena, first: number): Storage => {
    if (parameters) return { leaf: parameters[first] };
    return { ...(storage.get(whole) as Extract<Storage, { pool: number }>), offset: offsets[first] };
  };

  steps.forEach(({ node, scratch }, at) => {
    for (const tensor of [...node.outputs, ...scratch]) bytesWithoutReuse += bytesOf(tensor);
    for (const input of node.inputs)
      if (input instanceof ArenaSpan) storage.set(input, placeIn(input.arena, input.first));
    const roots = node.inputs.map(rootOf);
    const firstInPlace = node.op.kind === 'kernels' ? (node.op.inPlaceFrom?.(node.attrs) ?? Infinity) : Infinity;
    const taken: (number | null)[] = [];
    /** Index of an input that `output` can overwrite: one that dies here, or the parameter about to be updated. */
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
      const together = output instanceof ArenaSpan ? output : null;
      const root = rootOf(output);
      const parameter = together?.arena.parameters ? root : updated.get(output);
      // For parameters in an arena, all readers of the old values are scheduled before.
      const readUntil = !parameter ? Infinity : together ? -1 : (lastUse.get(parameter) ?? -1);
      const alias = !parameter || readUntil <= at ? aliasFor(output, parameter) : null;
      taken.push(alias);
      if (alias !== null) storage.set(root, storage.get(roots[alias]) ?? { leaf: roots[alias] });
      else if (parameter && readUntil < at) storage.set(root, { leaf: parameter });
      else if (!storage.has(root)) storage.set(root, { pool: pool.take(bytesOf(root)), offset: 0 });
      const spot = spots.get(output);
      if (spot)
        storage.set(output, { ...(storage.get(root) as { pool: number; offset: number }), offset: spot.offset });
      if (!together) continue;
      storage.set(together, placeIn(together.arena, together.first));
      together.parts.forEach((part, i) => storage.set(part, placeIn(together.arena, together.first + i)));
    }
    aliases.set(node, taken);
    for (const tensor of scratch) storage.set(tensor, { pool: pool.take(bytesOf(tensor)), offset: 0 });

    const release = (tensor: Tensor) => {
      const place = storage.get(tensor);
      if (place && 'pool' in place) pool.release(place.pool);
    };
    scratch.forEach(release);
    new Set(roots).forEach((root) => {
      if (lastUse.get(root) === at && !taken.some((alias) => alias !== null && roots[alias] === root)) release(root);
    });
    for (const root of node.outputs.map(rootOf)) if (!lastUse.has(root)) release(root);
  });
  return { memory: { storage, pool: pool.sizes, bytesWithoutReuse }, aliases };
}
