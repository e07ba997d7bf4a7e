// Shrinks a record: removes what its outputs do not need, and duplicate constants.

import type { Initializer, OnnxNode, OnnxRecord } from './record.ts';

/** Removes the nodes and initializers that the outputs do not need. */
export function withoutUnused(record: OnnxRecord): OnnxRecord {
  const needed = new Set(record.outputs.map(({ name }) => name));
  const kept: OnnxNode[] = [];
  for (const node of record.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    node.inputs.forEach((input) => needed.add(input));
    kept.push(node);
  }
  const initializers = new Map([...record.initializers].filter(([name]) => needed.has(name)));
  const inputs = record.inputs.filter(({ name }) => needed.has(name) || !record.state.has(name));
  return { ...record, inputs, nodes: kept.reverse(), initializers };
}

/** A key to compare small constants by; null for others. */
function keyOf(initializer: Initializer): string | null {
  if (initializer.kind === 'range') return `range ${initializer.count}`;
  if (initializer.kind === 'ints') return `ints ${JSON.stringify(initializer.values)}`;
  if (initializer.kind === 'parameter' || initializer.data.length > 64) return null;
  const values = Array.from(initializer.data as ArrayLike<number | bigint>, (value) =>
    Object.is(value, -0) ? '-0' : String(value),
  );
  return `${initializer.type} [${initializer.shape}] ${values}`;
}

/** Merges equal constants into one initializer. */
export function withSharedConstants(record: OnnxRecord): OnnxRecord {
  const firstOf = new Map<string, string>();
  const renamed = new Map<string, string>();
  const initializers = new Map<string, Initializer>();
  for (const [name, initializer] of record.initializers) {
    const key = keyOf(initializer);
    const first = key === null ? undefined : firstOf.get(key);
    if (first !== undefined) renamed.set(name, first);
    else initializers.set(name, initializer);
    if (key !== null && first === undefined) firstOf.set(key, name);
  }
  const nodes = record.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => renamed.get(name) ?? name),
  }));
  return { ...record, nodes, initializers };
}
