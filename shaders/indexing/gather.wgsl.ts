// Gathers values by an index tensor along one axis, and sums them back into the positions they were gathered from.
//
// Thread map: one thread per element of y. No barriers or atomics: values with the same index are added in order.
// gather       reads the index, then x. An index out of bounds gives 0.
// scatterSum   `walk` goes through the whole list of indices; `search` is given the permutation that sorts the list and finds
//              its first index by bisection, so that long lists take logarithmic time.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type ElementType, type Kernel } from '../../src/core/kernel.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { stridedOffset } from '../lib/index.wgsl.ts';

export interface GatherShape {
  /** Shape of y. */
  readonly shape: readonly number[];
  readonly axis: number;
  /** Size along the axis of what is read: x of gather, the source of scatterSum. */
  readonly length: number;
  /** Strides of the index: 0 along axes where it broadcasts. */
  readonly indexStrides: readonly number[];
  /** The types of elements and of the accumulator. */
  readonly type: ElementType;
  readonly sumType: string;
}

const innerOf = ({ shape, axis }: GatherShape) => sizeOf(shape.slice(axis + 1));

const indices: Binding = { name: 'indices', type: 'i32' };

/** Offset of this thread's list in a tensor with `length` values along the axis. */
const listStart = (s: GatherShape) => {
  const inner = innerOf(s);
  return `index / ${s.shape[s.axis] * inner}u * ${s.length * inner}u + index % ${inner}u`;
};

export const gatherElements = (s: GatherShape): Kernel => ({
  name: 'gather.element',
  inputs: [{ name: 'x', type: s.type }, indices],
  outputs: [stores('y', s.type)],
  workgroups: linearGrid(sizeOf(s.shape), LINEAR_WORKGROUP),
  wgsl: wgsl`
${linearMain(sizeOf(s.shape))}
  let at = u32(indices[${stridedOffset('index', s.shape, s.indexStrides)}]);
  var value = ${s.type}(0);
  // A negative index wraps and is out of bounds.
  if (at < ${s.length}u) { value = x[${listStart(s)} + at * ${innerOf(s)}u]; }
  store_y(index, value);
}
`,
});

export const scatterSums = (s: GatherShape, sorted: boolean): Kernel => ({
  name: `scatterSum.${sorted ? 'search' : 'walk'}`,
  inputs: [indices, { name: 'source', type: s.type }, ...(sorted ? [{ name: 'order', type: 'i32' } as const] : [])],
  outputs: [stores('y', s.type)],
  workgroups: linearGrid(sizeOf(s.shape), LINEAR_WORKGROUP),
  wgsl: wgsl`
${linearMain(sizeOf(s.shape))}
  let place = i32(index / ${innerOf(s)}u % ${s.shape[s.axis]}u);
  let first = ${stridedOffset('index', s.shape, s.indexStrides.with(s.axis, 0))};
  let start = ${listStart(s)};
  var total = ${s.sumType}(0);
#if ${sorted}
  var low = 0u;
  var high = ${s.length}u;
  while (low < high) {
    let middle = (low + high) >> 1u;
    let at = u32(order[first + middle * ${s.indexStrides[s.axis]}u]);
    if (indices[first + at * ${s.indexStrides[s.axis]}u] < place) { low = middle + 1u; } else { high = middle; }
  }
  for (var i = low; i < ${s.length}u; i++) {
    let at = u32(order[first + i * ${s.indexStrides[s.axis]}u]);
    if (indices[first + at * ${s.indexStrides[s.axis]}u] != place) { break; }
    total += ${s.sumType}(source[start + at * ${innerOf(s)}u]);
  }
#else
  for (var i = 0u; i < ${s.length}u; i++) {
    if (indices[first + i * ${s.indexStrides[s.axis]}u] == place) { total += ${s.sumType}(source[start + i * ${innerOf(s)}u]); }
  }
#endif
  store_y(index, ${s.type}(total));
}
`,
});
