// Ways through an op's kernel variants, so that each of them computes something.

import type { Capabilities } from '../core/kernel.ts';
import type { Node } from '../core/tensor.ts';
import type { ChooseVariant } from '../runtime/lower.ts';

/** Chooses variant `index` of every op, or its last one. */
export const variantAt =
  (index: number): ChooseVariant =>
  (_op, variants) =>
    variants[Math.min(index, variants.length - 1)];

/** Calls `visit` with variant 0, 1, 2 … of every op, or its last one, until there are no more. */
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

/** Names of the variants that a node's op offers on such a device, best first; none for views and elementwise ops. */
export function variantNames({ op, inputs, outputs, attrs }: Node, capabilities: Capabilities): string[] {
  if (op.kind !== 'kernels' || outputs.every(({ size }) => size === 0)) return [];
  return op.gpu({ inputs, outputs, attrs, capabilities }).map(({ name }) => name);
}
