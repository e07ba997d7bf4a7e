// Sorted values, and the top k of them, with their original positions.

import { expectWhole, resolveAxis } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { gather } from './gather.ts';
import { argsort, firstInOrder, type SortOptions } from './sort.ts';

/** Values, and the position of each along the axis (i32). */
export interface Ordered {
  readonly values: Tensor;
  readonly indices: Tensor;
}

const pickedFrom = (x: Tensor, indices: Tensor, axis: number): Ordered => ({
  values: gather(x, indices, axis),
  indices,
});

/**
 * x (f32, f16, i32 or u32) sorted along `axis`, the last by default, as torch.sort with `stable`: equal values keep their
 * order. Each value's gradient goes to where it came from.
 */
export const sort = (x: Tensor, axis = -1, options: SortOptions = {}): Ordered =>
  pickedFrom(x, argsort(x, axis, options), resolveAxis('sort', axis, x.shape.length));

/**
 * The `k` largest values of x (f32, f16, i32 or u32) along `axis`, the last by default, in descending order, as torch.topk;
 * with `largest: false` the smallest, in ascending order. Equal values keep their order.
 */
export function topk(
  x: Tensor,
  k: number,
  axis = -1,
  { largest = true }: { readonly largest?: boolean } = {},
): Ordered {
  const along = resolveAxis('topk', axis, x.shape.length);
  expectWhole('topk', 'k', [k], 0);
  if (k > x.shape[along]) {
    throw new Error(`topk: k is ${k}, but axis ${along} of [${x.shape.join(', ')}] has fewer values.`);
  }
  return pickedFrom(x, firstInOrder(x, k, along, largest), along);
}
