// Values in sorted order, and the first few of them, with the positions that they came from.

import { expectWhole, resolveAxis } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { gather } from './gather.ts';
import { argsort, firstInOrder, type SortOptions } from './sort.ts';

/** Values, and where along the axis each of them stood (i32). */
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
 * The `k` largest values of x (f32, f16, i32 or u32) along `axis`, the last by default, from the largest on, as torch.topk;
 * with `largest: false` the smallest, from the smallest on. Of equal values the first come first.
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
    throw new Error(`topk: ${k} values were asked for, but axis ${along} of [${x.shape.join(', ')}] has fewer.`);
  }
  return pickedFrom(x, firstInOrder(x, k, along, largest), along);
}
