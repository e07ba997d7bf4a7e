// Index arithmetic with strides known at compile time: from a position in one shape to an offset in another tensor.

/** A shape and how far apart neighbours along each of its axes lie in memory. */
export interface StridedShape {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** The same places with fewer axes: those of size 1 left out, and those joined of which one goes on where the next ends. */
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
 * A WGSL expression for the offset that row-major position `index` of `shape` has in memory with `strides`
 * (0 along broadcast axes). Axes that lie one behind the other in memory are merged first, so that the common cases cost
 * no division.
 */
export function stridedOffset(index: string, shape: readonly number[], strides: readonly number[]): string {
  if (shape.includes(0)) return '0u';
  const axes = mergeAxes(shape, strides);
  let inner = axes.shape.reduce((size, dim) => size * dim, 1);
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
 * How four neighbours of row-major `shape` are read at once from memory with `strides`, for an index that counts fours: they
 * are one vec4 (`same` false, the shape and strides are those of vec4s) or one element. Null where they lie apart.
 */
export function inFours(
  shape: readonly number[],
  strides: readonly number[],
): (StridedShape & { same: boolean }) | null {
  const axes = mergeAxes(shape, strides);
  const last = axes.shape.length - 1;
  if (last < 0) return { shape: [], strides: [], same: true };
  const same = axes.strides[last] === 0;
  // Only of a single axis may the last four be incomplete.
  const whole = last === 0 || axes.shape[last] % 4 === 0;
  const aligned = same || (axes.strides[last] === 1 && axes.strides.slice(0, -1).every((stride) => stride % 4 === 0));
  if (!whole || !aligned) return null;
  return {
    shape: axes.shape.with(last, Math.ceil(axes.shape[last] / 4)),
    strides: same ? axes.strides : axes.strides.map((stride, axis) => (axis === last ? 1 : stride / 4)),
    same,
  };
}
