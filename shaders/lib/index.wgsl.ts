// Index arithmetic with constant strides: from a position in one shape to an offset in another tensor.

import { sizeOf } from '../../src/core/shape.ts';

/** A shape and its strides in memory. */
export interface StridedShape {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** The same elements with fewer axes: those of size 1 are dropped, and those contiguous with each other merged. */
export function mergeAxes(shape: readonly number[], strides: readonly number[]): StridedShape {
  const merged = { shape: [] as number[], strides: [] as number[] };
  shape.forEach((dim, axis) => {
    if (dim === 1) return;
    const joins = merged.strides.at(-1) === strides[axis] * dim;
    const outer = joins ? merged.shape.pop()! : 1;
    if (joins) merged.strides.pop();
    merged.shape.push(outer * dim);
    merged.strides.push(strides[axis]);
  });
  return merged;
}

/**
 * A WGSL expression for the offset of row-major position `index` of `shape` in memory with `strides` (0 along broadcast
 * axes). Contiguous axes are merged first, so that the common cases need no division.
 */
export function stridedOffset(index: string, shape: readonly number[], strides: readonly number[]): string {
  if (shape.includes(0)) return '0u';
  const axes = mergeAxes(shape, strides);
  let inner = sizeOf(axes.shape);
  const terms = axes.shape.flatMap((dim, axis) => {
    const stride = axes.strides[axis];
    inner /= dim;
    if (stride === 0) return [];
    const coordinate = inner === 1 ? index : `${index} / ${inner}u`;
    const wrapped = axis === 0 ? coordinate : `(${coordinate}) % ${dim}u`;
    return stride === 1 ? [`(${wrapped})`] : [`(${wrapped}) * ${stride}u`];
  });
  return terms.length === 0 ? '0u' : terms.join(' + ');
}

/**
 * How to read four neighbours of row-major `shape` at once from memory with `strides`, by an index that counts fours: as one
 * vec4 (`same` false, shape and strides in vec4s) or as one broadcast element. Null if they are not contiguous.
 */
export function inFours(
  shape: readonly number[],
  strides: readonly number[],
): (StridedShape & { same: boolean }) | null {
  const axes = mergeAxes(shape, strides);
  const last = axes.shape.length - 1;
  if (last < 0) return { shape: [], strides: [], same: true };
  const same = axes.strides[last] === 0;
  // The last four may be incomplete only if there is a single axis.
  const whole = last === 0 || axes.shape[last] % 4 === 0;
  const aligned = same || (axes.strides[last] === 1 && axes.strides.slice(0, -1).every((stride) => stride % 4 === 0));
  if (!whole || !aligned) return null;
  return {
    shape: axes.shape.with(last, Math.ceil(axes.shape[last] / 4)),
    strides: same ? axes.strides : axes.strides.map((stride, axis) => (axis === last ? 1 : stride / 4)),
    same,
  };
}
