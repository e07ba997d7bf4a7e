// Index arithmetic with strides known at compile time: from a position in one shape to an offset in another tensor.

/**
 * A WGSL expression for the offset that row-major position `index` of `shape` has in memory with `strides`
 * (0 along broadcast axes). Axes that lie one behind the other in memory are merged first, so that the common cases cost
 * no division.
 */
export function stridedOffset(index: string, shape: readonly number[], strides: readonly number[]): string {
  if (shape.includes(0)) return '0u';
  const axes: { dim: number; stride: number }[] = [];
  shape.forEach((dim, axis) => {
    if (dim === 1) return;
    const outer = axes.at(-1);
    if (outer && outer.stride === strides[axis] * dim)
      axes[axes.length - 1] = { dim: outer.dim * dim, stride: strides[axis] };
    else axes.push({ dim, stride: strides[axis] });
  });
  let inner = axes.reduce((size, { dim }) => size * dim, 1);
  const terms = axes.flatMap(({ dim, stride }, axis) => {
    inner /= dim;
    if (stride === 0) return [];
    const coordinate = inner === 1 ? index : `${index} / ${inner}u`;
    const wrapped = axis === 0 ? coordinate : `(${coordinate}) % ${dim}u`;
    return stride === 1 ? [`(${wrapped})`] : [`(${wrapped}) * ${stride}u`];
  });
  return terms.length === 0 ? '0u' : terms.join(' + ');
}
