// The graph of units while nodes are fused: joins two units unless that would create a cycle.

import type { Node } from '../core/tensor.ts';

/** Nodes that run as one kernel: a single node, or elementwise nodes of one shape, with the node whose epilogue they are. */
export interface Unit {
  readonly nodes: ReadonlySet<Node>;
}

/** A unit in a linked list in which each follows those that it reads. */
interface Placed extends Unit {
  nodes: Set<Node>;
  /** Increases along the list. */
  rank: number;
  before: Placed | null;
  after: Placed | null;
}

/**
 * Most units that a search for a cycle visits. Beyond that a join is refused, even if it might be fine, so that planning a
 * deep network takes time linear in its depth.
 */
const MOST_VISITED = 500;

/**
 * Units in topological order, which is maintained as they are joined (Pearce and Kelly, "A dynamic topological sort
 * algorithm for directed acyclic graphs", 2006): only units between two others can be on a path between them.
 */
export class UnitGraph {
  readonly #consumers: ReadonlyMap<Node, readonly Node[]>;
  readonly #units = new Map<Node, Placed>();
  #first: Placed | null = null;

  /** `order` is topological. */
  constructor(order: readonly Node[], consumers: ReadonlyMap<Node, readonly Node[]>) {
    this.#consumers = consumers;
    let before: Placed | null = null;
    for (const [rank, node] of order.entries()) {
      const unit: Placed = { nodes: new Set([node]), rank, before, after: null };
      if (before) before.after = unit;
      else this.#first = unit;
      this.#units.set(node, unit);
      before = unit;
    }
  }

  /** The unit of `node`. */
  of(node: Node): Unit {
    return this.#units.get(node)!;
  }

  /** Joins `producer` and `user`, which reads it, into one unit; false if that would create a cycle. */
  join(producer: Unit, user: Unit): boolean {
    const [from, to] = [producer as Placed, user as Placed];
    const between = this.#reachable(from, to);
    if (!between) return false;
    for (const node of from.nodes) this.#units.set(node, to);
    to.nodes = new Set([...from.nodes, ...to.nodes]);
    this.#unlink(from);
    // Readers of the producer now read the joined unit, so they must follow it.
    this.#placeAfter(to, between);
    return true;
  }

  /** The units before `to` that depend on `from`, in order; null if `to` reads one of them, or if there are too many. */
  #reachable(from: Placed, to: Placed): Placed[] | null {
    const seen = new Set<Placed>();
    const stack = [from];
    for (let unit = stack.pop(); unit; unit = stack.pop()) {
      for (const node of unit.nodes) {
        for (const consumer of this.#consumers.get(node)!) {
          const next = this.#units.get(consumer)!;
          if (next === to && unit !== from) return null;
          if (next === unit || next.rank >= to.rank || seen.has(next)) continue;
          if (seen.size === MOST_VISITED) return null;
          seen.add(next);
          stack.push(next);
        }
      }
    }
    return [...seen].sort((a, b) => a.rank - b.rank);
  }

  #unlink(unit: Placed): void {
    if (unit.before) unit.before.after = unit.after;
    else this.#first = unit.after;
    if (unit.after) unit.after.before = unit.before;
  }

  /** Moves `units` right behind `place`, keeping their order. */
  #placeAfter(place: Placed, units: readonly Placed[]): void {
    for (const unit of units) this.#unlink(unit);
    const { after } = place;
    const step = ((after?.rank ?? place.rank + 1) - place.rank) / (units.length + 1);
    let before = place;
    for (const unit of units) {
      [unit.before, unit.rank] = [before, before.rank + step];
      before.after = unit;
      before = unit;
    }
    before.after = after;
    if (after) after.before = before;
    // Ranks lose all precision after some fifty halvings.
    if (step < 1e-6) this.#renumber();
  }

  #renumber(): void {
    let rank = 0;
    for (let unit = this.#first; unit; unit = unit.after) unit.rank = rank++;
  }
}
