// Joins, splits, repeats and rearranges axes, composed of concat, slice, expand, reshape and permute.

import { expectWhole, formatShape, resolveAxes, resolveAxis, sameShape } from '../../core/shape.ts';
import { formatSpec, type Tensor } from '../../core/tensor.ts';
import { concat } from './concat.ts';
import { expand } from './expand.ts';
import { permute } from './permute.ts';
import { reshape } from './reshape.ts';
import { slice } from './slice.ts';

/** `x` with a new axis of size 1 at index `axis`; -1 puts it last. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = resolveAxis('unsqueeze', axis, x.shape.length + 1);
  return reshape(x, x.shape.toSpliced(at, 0, 1));
}

/** `x` without its axes of size 1, or without those of `axes` that have size 1. */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const gone = resolveAxes('squeeze', axes, x.shape.length);
  return reshape(x, x.shape.filter((dim, i) => dim !== 1 || !gone.includes(i))); // prettier-ignore
}

/** `x` with the axes `source` moved to the positions `destination`; the others keep their order. */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const rank = x.shape.length;
  const list = (axes: number | readonly number[]) => [axes].flat().map((axis) => resolveAxis('movedim', axis, rank));
  const [from, to] = [list(source), list(destination)];
  if (from.length !== to.length || new Set(from).size < from.length || new Set(to).size < to.length) {
    throw new Error(
      `movedim: [${from}] cannot move to [${to}] in ${formatShape(x.shape)}: both need the same number of distinct axes.`,
    );
  }
  const others = [...Array(rank).keys()].filter((axis) => !from.includes(axis));
  const order = Array.from({ length: rank }, (_, i) => (to.includes(i) ? from[to.indexOf(i)] : others.shift()!));
  return permute(x, order);
}

/** Tensors of one shape stacked along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first] = tensors;
  if (!first) throw new Error('stack: needs at least one tensor, but the list is empty.');
  if (!tensors.every((x) => sameShape(x.shape, first.shape) && x.dtype === first.dtype)) {
    const found = tensors.map(formatSpec).join(', ');
    throw new Error(`stack: ${found} must all have the same shape and type.`);
  }
  const at = resolveAxis('stack', axis, first.shape.length + 1);
  return concat(tensors.map((x) => unsqueeze(x, at)), at); // prettier-ignore
}

/** `count` positions of `x` from `start` on along `axis`. */
function part(x: Tensor, axis: number, start: number, count: number): Tensor {
  const from = x.shape.map((_, i) => (i === axis ? start : 0));
  return slice(x, from, x.shape.with(axis, start + count));
}

/** Parts of `x` along `axis`: `sizes[i]` positions in part i, or `sizes` in all but the last, which may be smaller. */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  const along = resolveAxis('split', axis, x.shape.length);
  const total = x.shape[along];
  expectWhole('split', 'sizes', [sizes].flat(), typeof sizes === 'number' ? 1 : 0);
  const list =
    typeof sizes === 'number'
      ? Array.from({ length: Math.max(1, Math.ceil(total / sizes)) }, (_, i) => Math.min(sizes, total - i * sizes))
      : sizes;
  if (list.reduce((sum, size) => sum + size, 0) !== total) {
    throw new Error(`split: parts of [${list}] do not add up to axis ${along} of ${formatShape(x.shape)}.`);
  }
  let start = 0;
  return list.map((size) => part(x, along, (start += size) - size, size));
}

/** `x` in at most `count` parts along `axis`, all of one size except the last, which may be smaller. */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  const along = resolveAxis('chunk', axis, x.shape.length);
  expectWhole('chunk', 'count', [count], 1);
  return split(x, Math.max(1, Math.ceil(x.shape[along] / count)), along);
}

/** `x` shifted by `shifts[i]` positions along `axes[i]`, wrapping around. */
export function roll(x: Tensor, shifts: number | readonly number[], axes: number | readonly number[]): Tensor {
  const [by, along] = [[shifts].flat(), [axes].flat().map((axis) => resolveAxis('roll', axis, x.shape.length))];
  if (by.length !== along.length || !by.every(Number.isInteger)) {
    throw new Error(`roll: shifts [${by}] and axes [${along}] do not fit: each axis needs one integer.`);
  }
  return along.reduce((rolled, axis, i) => {
    const size = x.shape[axis];
    const first = size > 0 ? ((-by[i] % size) + size) % size : 0;
    return first === 0 ? rolled : concat(split(rolled, [first, size - first], axis).reverse(), axis);
  }, x);
}

/** `x` repeated `counts[i]` times along axis i, as torch.tile: missing leading counts and axes are 1. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  expectWhole('tile', 'counts', counts, 0);
  const rank = Math.max(counts.length, x.shape.length);
  const ones = (length: number) => new Array<number>(length).fill(1);
  const times = [...ones(rank - counts.length), ...counts];
  const shape = [...ones(rank - x.shape.length), ...x.shape];
  const repeated = expand(
    reshape(x, shape.flatMap((dim) => [1, dim])),
    shape.flatMap((dim, i) => [times[i], dim]),
  ); // prettier-ignore
  return reshape(repeated, shape.map((dim, i) => dim * times[i])); // prettier-ignore
}

/** `x` with each position along `axis` repeated `count` times in a row, as torch.repeat_interleave. */
export function repeatInterleave(x: Tensor, count: number, axis: number): Tensor {
  const along = resolveAxis('repeatInterleave', axis, x.shape.length);
  expectWhole('repeatInterleave', 'count', [count], 0);
  const spread = x.shape.toSpliced(along + 1, 0, count);
  return reshape(expand(unsqueeze(x, along + 1), spread), x.shape.with(along, x.shape[along] * count));
}
