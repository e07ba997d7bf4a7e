// One kernel for many parameters: merges updates by equal chains into one over parameters side by side in one buffer.

import { windowSize, type Capabilities } from '../core/kernel.ts';
import { bytesPerElement } from '../core/dtype.ts';
import { Arena, ArenaSpan, paddedSize, partsOf } from '../core/arena.ts';
import { Parameter } from '../core/parameter.ts';
import type { Node, Tensor } from '../core/tensor.ts';
import type { Update } from '../core/trace.ts';
import { fusedOp, isFused, textOf, type FusedAttrs } from '../ops/elementwise/fused.ts';
import { sameShape, sizeOf } from '../core/shape.ts';
import { bytesOf, firstUpdated, viewedTensor } from './memory.ts';
import { ordered } from './schedule.ts';

/** Elements of the largest parameter that shares an arena: larger ones keep a GPU busy on their own. */
const LARGEST = 2 ** 20;

/** A tensor's place: its arena, and its index there. */
interface Spot {
  readonly arena: Arena;
  readonly index: number;
}

/** A fused node that may be merged into a larger one. */
interface Member {
  readonly node: Node & { readonly attrs: FusedAttrs };
  /** Equal for nodes with the same computation, whatever their size. */
  readonly key: string;
  readonly size: number;
  /** For each input, then each output, the parameter or result whose memory it is; null for a shared scalar. */
  readonly places: readonly (Tensor | null)[];
}

/** Arenas of parameters. They stay as the first program made them, since a parameter has one place on a device. */
const parameterSpots = new WeakMap<Tensor, Spot>();

/**
 * Merges the fused nodes among the ordered `nodes` that update parameters by the same chain; also returns the arenas of
 * these parameters. Values that only they need, such as gradients, share arenas too.
 */
export function mergeUpdates(
  nodes: readonly Node[],
  outputs: readonly Tensor[],
  updates: readonly Update[],
  capabilities: Capabilities,
): { nodes: readonly Node[]; arenas: Arena[] } {
  const spots = new Map<Tensor, Spot>();
  const spotOf = (place: Tensor) => (place instanceof Parameter ? parameterSpots : spots).get(place);
  const values = new Set(updates.map(({ value }) => value));
  const merged = new Set<Tensor>();
  const arenas = new Set<Arena>();
  const most = Math.min(windowSize(capabilities.maxStorageBufferBindingSize), capabilities.maxBufferSize);
  let order = nodes;

  const merge = (run: readonly Member[]): void => {
    if (run.length < 2) return;
    const { node, added } = mergedNode(run, spotOf);
    const next = contracted(order, new Set(run.map((member) => member.node)), node);
    if (!next) {
      // Some members depend on others; those in one half may not.
      const half = run.length >> 1;
      return [run.slice(0, half), run.slice(half)].forEach(merge);
    }
    order = next;
    for (const one of added) {
      one.members.forEach((place, index) =>
        (place instanceof Parameter ? parameterSpots : spots).set(place, { arena: one, index }),
      );
    }
    for (const tensor of [...node.inputs, ...node.outputs]) {
      if (tensor instanceof ArenaSpan && tensor.arena.parameters) arenas.add(tensor.arena);
    }
    node.outputs.flatMap(partsOf).forEach((value) => merged.add(value));
  };

  for (const group of groups(nodes, outputs, updates)) {
    // A new value that is read is in its parameter's arena only if a merged node computed it.
    const ready = group.filter(({ node, places }) =>
      node.inputs.map(viewedTensor).every((root, i) => !places[i] || merged.has(root) || !values.has(root)),
    );
    for (const run of runs(distinct(ready), spotOf, most)) merge(run);
  }
  return { nodes: order, arenas: [...arenas] };
}

/** The list at `key`, created on first use. */
function listIn<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** Members by key, in order of the first of each. */
function groups(nodes: readonly Node[], outputs: readonly Tensor[], updates: readonly Update[]): Member[][] {
  const updated = firstUpdated(updates);
  const kept = new Set(outputs.map(viewedTensor));
  const consumers = new Map<Tensor, Node[]>();
  for (const node of nodes) {
    for (const root of node.inputs.map(viewedTensor)) listIn(consumers, root).push(node);
  }
  const ids = new Map<Tensor, number>();
  const members = new Map<Node, Member>();
  // Only nodes that end in updates: others are needed before the last of their kind can be computed.
  for (const node of [...nodes].reverse()) {
    const late = node.outputs.every((output) => {
      const parameter = updated.get(output);
      if (parameter) return !kept.has(parameter);
      const users = consumers.get(output) ?? [];
      return users.length > 0 && users.every((user) => members.has(user)) && !kept.has(output);
    });
    const member = late ? memberOf(node, updated, ids) : null;
    if (member) members.set(node, member);
  }
  const byKey = new Map<string, Member[]>();
  for (const node of nodes) {
    const member = members.get(node);
    if (member) listIn(byKey, member.key).push(member);
  }
  return [...byKey.values()];
}

/** `node` as a member; null if it cannot be one. */
function memberOf(node: Node, updated: ReadonlyMap<Tensor, Parameter>, ids: Map<Tensor, number>): Member | null {
  if (!isFused(node)) return null;
  const { attrs } = node;
  const size = sizeOf(attrs.shape);
  // A single element counts as a shared scalar, so it cannot be a member.
  if (attrs.producer || size < 2 || size > LARGEST) return null;
  const text = textOf(attrs);
  if (text === null) return null;
  const keys: string[] = [text];
  const places: (Tensor | null)[] = [];
  for (const input of node.inputs) {
    const root = viewedTensor(input);
    if (input.size === 1 && input.shape.length < 2) {
      if (!ids.has(input)) ids.set(input, ids.size);
      keys.push(`shared ${ids.get(input)}`);
      places.push(null);
      continue;
    }
    const fits = sameShape(input.shape, attrs.shape) && root.size === size && root.dtype === input.dtype;
    const place = updated.get(root) ?? root;
    if (!fits || !(root.node || root instanceof Parameter) || places.includes(place)) return null;
    places.push(place);
  }
  places.push(...node.outputs.map((output) => updated.get(output) ?? output));
  for (const place of places) {
    // An arena has parameters or results, not both; slots that share a place in one member must do so in all.
    if (place) keys.push(`${place.dtype} ${place instanceof Parameter} ${places.indexOf(place)}`);
  }
  return { node, key: keys.join('\n'), size, places };
}

/** The members without those that read or write a place of an earlier one. */
function distinct(members: readonly Member[]): Member[] {
  const taken = new Set<Tensor>();
  return members.filter(({ places }) => {
    const own = places.filter((place) => place !== null);
    if (own.some((place) => taken.has(place))) return false;
    own.forEach((place) => taken.add(place));
    return true;
  });
}

/** Runs of members to merge: in each slot consecutive in one arena, or not in any yet. An arena has at most `most` bytes. */
function runs(members: readonly Member[], spotOf: (place: Tensor) => Spot | undefined, most: number): Member[][] {
  const ids = new Map<Arena, number>();
  const idOf = (arena: Arena) => {
    if (!ids.has(arena)) ids.set(arena, ids.size);
    return ids.get(arena)!;
  };
  const spotsOf = ({ places }: Member) => places.map((place) => (place ? spotOf(place) : undefined));
  const classes = new Map<string, Member[]>();
  for (const member of members) {
    const spots = spotsOf(member);
    if (spots.some((spot) => spot && bytesOf(spot.arena.whole) > most)) continue;
    const key = spots.map((spot) => (spot ? idOf(spot.arena) : '-')).join(' ');
    listIn(classes, key).push(member);
  }
  return [...classes.values()].flatMap((alike) => {
    const indexOf = (member: Member) => spotsOf(member).find((spot) => spot)?.index ?? 0;
    const found: Member[][] = [];
    let bytes = Infinity;
    let before: (Spot | undefined)[] = [];
    for (const member of alike.toSorted((a, b) => indexOf(a) - indexOf(b))) {
      const spots = spotsOf(member);
      const widest = Math.max(...member.places.map((place) => (place ? bytesPerElement[place.dtype] : 0)));
      const own = paddedSize(member.size) * widest;
      const follows = spots.every((spot, i) => !spot || spot.index === (before[i]?.index ?? NaN) + 1);
      if (follows && bytes + own <= most) found[found.length - 1].push(member);
      else found.push([member]);
      bytes = found[found.length - 1].length === 1 ? own : bytes + own;
      before = spots;
    }
    return found;
  });
}

/** The node that does the work of `run`, and the new arenas that it needs. */
function mergedNode(
  run: readonly Member[],
  spotOf: (place: Tensor) => Spot | undefined,
): { node: Node; added: Arena[] } {
  const [{ node: model, places }] = run;
  const added = new Map<Tensor, Arena>();
  const joined = (slot: number, tensorOf: (node: Node) => Tensor): Tensor => {
    const place = places[slot];
    if (!place) return tensorOf(model);
    const spot = spotOf(place);
    if (!spot && !added.has(place)) added.set(place, new Arena(run.map((member) => member.places[slot]!)));
    return new ArenaSpan(
      spot?.arena ?? added.get(place)!,
      spot?.index ?? 0,
      run.map(({ node }) => tensorOf(node)),
    );
  };
  const inputs = model.inputs.map((_, i) => joined(i, (node) => node.inputs[i]));
  const outputs = model.outputs.map((_, i) => joined(model.inputs.length + i, (node) => node.outputs[i]));
  const { shape } = outputs[0];
  const merged: FusedAttrs = {
    ...model.attrs,
    shape,
    chain: model.attrs.chain.map((op) => ({ ...op, shape })),
    members: run.length,
  };
  return { node: { op: fusedOp, attrs: merged, inputs, outputs }, added: [...added.values()] };
}

/** `order` with `members` replaced by `node`; null if that creates a cycle. */
function contracted(order: readonly Node[], members: ReadonlySet<Node>, node: Node): readonly Node[] | null {
  const last = order.findLastIndex((one) => members.has(one));
  const nodes = order.flatMap((one, at) => (at === last ? [node] : members.has(one) ? [] : [one]));
  const producer = new Map(
    nodes.flatMap((one) => one.outputs.flatMap(partsOf).map((tensor) => [tensor, one] as const)),
  );
  const readers = new Map<Tensor, Node[]>();
  for (const one of nodes) {
    for (const root of one.inputs.flatMap(partsOf).map(viewedTensor)) {
      if (root instanceof Parameter) listIn(readers, root).push(one);
    }
  }
  /** Nodes that must run before `one`: producers of its inputs and, if it overwrites parameters, readers of the old values. */
  const before = (one: Node): Node[] => [
    ...one.inputs.flatMap(partsOf).flatMap((tensor) => producer.get(viewedTensor(tensor)) ?? []),
    ...one.outputs.flatMap((output) =>
      output instanceof ArenaSpan && output.arena.parameters
        ? output.parts.flatMap((_, i) => readers.get(output.arena.members[output.first + i]) ?? [])
        : [],
    ),
  ];
  return ordered(nodes, (one) => before(one).filter((other) => other !== one));
}
