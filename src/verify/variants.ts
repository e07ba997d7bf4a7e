// Chooses kernel variants by index, so that every variant runs.

import type { Capabilities } from '../core/kernel.ts';
import type { Node } from '../core/tensor.ts';
import type { ChooseVariant } from '../runtime/lower.ts';

/** Chooses variant `index` of every op, or its last one if there are fewer. */
export const variantAt =
  (index: number): ChooseVariant =>
  (_op, variants) =>
    variants[Math.min(index, variants.length - 1)];

/** Calls `visit` for variant 0, 1, 2 … of every op, until all have been chosen. */
export async function forEachVariant(visit: (choose: ChooseVariant, index: number) => Promise<void>): Promise<void> {
  let most = 1;
  for (let index = 0; index < most; index++) {
    const choose = variantAt(index);
    await visit((op, variants, call) => {
      most = Math.max(most, variants.length);
      return choose(op, variants, call);
    }, index);
  }
}

/** The variants of a node's op on a device, best first; empty for views and elementwise ops. */
export function variantNames({ op, inputs, outputs, attrs }: Node, capabilities: Capabilities): string[] {
  if (op.kind !== 'kernels' || outputs.every(({ size }) => size === 0)) return [];
  return op.gpu({ inputs, outputs, attrs, capabilities }).map(({ name }) => name);
}
