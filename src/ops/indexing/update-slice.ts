// A block at a run-time position: written into a tensor (in place where possible), or read from one.

import {
  copyAndWriteSlice,
  readSlice,
  writeSlice,
  type RunTimeSlice,
} from '../../../shaders/indexing/update-slice.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import type { OnnxGraph, OnnxValue } from '../../core/onnx.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { formatShape, resolveAxis, sizeOf } from '../../core/shape.ts';
import { fill, formatSpec, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { ge, le } from '../elementwise/compare.ts';
import { where } from '../elementwise/where.ts';
import { expand } from '../movement/expand.ts';
import { reshape } from '../movement/reshape.ts';

interface AxisAttrs {
  readonly axis: number;
}

interface UpdateSliceAttrs extends AxisAttrs {
  readonly onlyInside: boolean;
}

interface DynamicSliceAttrs extends AxisAttrs {
  readonly size: number;
}

/** `whole` with respect to `axis`, of which the block has `part` positions. */
const shapeFor = (
  whole: TensorSpec,
  part: number,
  axis: number,
  position: TensorSpec,
  onlyInside = false,
): RunTimeSlice => ({
  outer: sizeOf(whole.shape.slice(0, axis)),
  whole: whole.shape[axis],
  part,
  inner: sizeOf(whole.shape.slice(axis + 1)),
  type: elementType(whole.dtype),
  position: position.dtype === 'i32' ? 'i32' : 'u32',
  onlyInside,
});

function expectPosition(who: string, position: TensorSpec): void {
  expectDType(who, 'position', position, 'u32', 'i32');
  if (sizeOf(position.shape) === 1) return;
  throw new Error(`${who}: position must be one number, but has shape ${formatShape(position.shape)}.`);
}

/** Offset of the block within one outer index. */
const startOf = ({ whole, part, inner }: RunTimeSlice, position: number): number =>
  Math.min(Math.max(position, 0), whole - part) * inner;

/** Calls `visit` with each block's offset in the whole tensor, and in the tensor of blocks. */
function forBlocks(s: RunTimeSlice, position: number, visit: (whole: number, part: number) => void): void {
  for (let i = 0; i < s.outer; i++) visit(i * s.whole * s.inner + startOf(s, position), i * s.part * s.inner);
}

/** A block's requested position, and the position clamped to 0 … `last`: lists of one. */
function onnxStart(graph: OnnxGraph, position: OnnxValue, last: number): { place: OnnxValue; start: OnnxValue } {
  const place = graph.cast(graph.reshape(position, [1]), 'i64');
  return { place, start: graph.node('Clip', [place, graph.number(0, 'i64'), graph.number(last, 'i64')]) };
}

export const updateSliceOp: KernelOp<UpdateSliceAttrs> = {
  name: 'updateSlice',
  kind: 'kernels',
  infer([value, position, cache], { axis }) {
    expectPosition('updateSlice', position);
    const fits =
      value.shape.length === cache.shape.length &&
      value.shape.every((dim, i) => (i === axis ? dim <= cache.shape[i] : dim === cache.shape[i]));
    if (!fits || value.dtype !== cache.dtype) {
      throw new Error(
        `updateSlice: ${formatSpec(value)} does not fit into ${formatSpec(cache)}: types must be ` +
          `equal, and sizes except along axis ${axis}, which must not be longer.`,
      );
    }
    return [{ shape: cache.shape, dtype: cache.dtype }];
  },
  inPlaceFrom: () => 2,
  cpu({ inputs: [value, position, cache], outputs: [y], inputSpecs, attrs: { axis, onlyInside } }) {
    const s = shapeFor(inputSpecs[2], inputSpecs[0].shape[axis], axis, inputSpecs[1]);
    y.set(cache);
    if (onlyInside && !(position[0] >= 0 && position[0] <= s.whole - s.part)) return;
    forBlocks(s, position[0], (to, from) => y.set(value.subarray(from, from + s.part * s.inner), to));
  },
  gpu({ inputs: [value, position, cache], attrs: { axis, onlyInside }, aliases }) {
    const s = shapeFor(cache, value.shape[axis], axis, position, onlyInside);
    const inPlace = aliases?.[0] === 2;
    if (inPlace && sizeOf(value.shape) === 0) return [{ name: 'copy', kernels: [] }];
    return [{ name: 'copy', kernels: [inPlace ? writeSlice(s) : copyAndWriteSlice(s)] }];
  },
  vjp({ inputs: [value, position, cache], gradients: [g], attrs: { axis, onlyInside } }) {
    const nothing = expand(fill([], 0, g!.dtype), value.shape);
    const ofValue = dynamicSlice(g!, position, value.shape[axis], axis);
    const place = reshape(position, []);
    const last = cache.shape[axis] - value.shape[axis];
    const written = onlyInside ? where(ge(place, 0), where(le(place, last), ofValue, 0), 0) : ofValue;
    return [written, null, updateSlice(nothing, position, g!, { axis, onlyInside })];
  },
  onnx(graph, { inputs: [value, position, cache], tensors, attrs: { axis, onlyInside } }) {
    const [part, whole] = [tensors[0].shape[axis], tensors[2].shape[axis]];
    const { place, start } = onnxStart(graph, position, whole - part);
    const end = graph.node('Add', [start, graph.ints([part])]);
    const axes = graph.ints([axis]);
    const before = graph.node('Slice', [cache, graph.ints([0]), start, axes]);
    const after = graph.node('Slice', [cache, end, graph.ints([whole]), axes]);
    const written = graph.node('Concat', [before, value, after], { axis });
    if (!onlyInside) return written;
    const isInside = graph.node('Equal', [place, start]); // a position out of bounds was clipped
    return graph.node('Where', [isInside, written, cache]);
  },
}; // prettier-ignore

export const dynamicSliceOp: KernelOp<DynamicSliceAttrs> = {
  name: 'dynamicSlice',
  kind: 'kernels',
  infer([x, position], { axis, size }) {
    expectPosition('dynamicSlice', position);
    if (!Number.isInteger(size) || size < 0 || size > x.shape[axis]) {
      throw new Error(
        `dynamicSlice: cannot take ${size} positions from axis ${axis} of ${formatShape(x.shape)}; ` +
          `use 0 to ${x.shape[axis]}.`,
      );
    }
    return [{ shape: x.shape.with(axis, size), dtype: x.dtype }];
  },
  cpu({ inputs: [x, position], outputs: [y], inputSpecs, attrs: { axis, size } }) {
    const s = shapeFor(inputSpecs[0], size, axis, inputSpecs[1]);
    forBlocks(s, position[0], (from, to) => y.set(x.subarray(from, from + s.part * s.inner), to));
  },
  gpu({ inputs: [x, position], attrs: { axis, size } }) {
    return [{ name: 'copy', kernels: [readSlice(shapeFor(x, size, axis, position))] }];
  },
  vjp({ inputs: [x, position], gradients: [g], attrs: { axis } }) {
    return [updateSlice(g!, position, expand(fill([], 0, g!.dtype), x.shape), { axis }), null];
  },
  onnx(graph, { inputs: [x, position], tensors: [{ shape }], attrs: { axis, size } }) {
    const { start } = onnxStart(graph, position, shape[axis] - size);
    const places = graph.node('Add', [start, graph.range(size)]);
    return graph.node('Gather', [x, places], { axis });
  },
}; // prettier-ignore

/**
 * `cache` with `value` written at `position` along `axis` (the last but one by default). `position` is a single i32 or u32,
 * such as a Scalar, so that one compiled program serves every position. A position at which the value does not fit is
 * clamped to the nearest that does; with `onlyInside` nothing is written then. If nothing else needs the old values, as in
 * `assign(parameter, updateSlice(…, parameter))`, the update happens in place and only the block is written.
 */
export const updateSlice = (
  value: Tensor,
  position: Tensor,
  cache: Tensor,
  { axis = -2, onlyInside = false } = {},
): Tensor =>
  applyOne(updateSliceOp, [value, position, cache], {
    axis: resolveAxis('updateSlice', axis, cache.shape.length),
    onlyInside,
  });

/**
 * `size` positions of `x` along `axis` (the last but one by default) from `position` on: a single i32 or u32, known only
 * when the program runs. A position too close to the end is clamped to the last that fits.
 */
export const dynamicSlice = (x: Tensor, position: Tensor, size: number, axis = -2): Tensor =>
  applyOne(dynamicSliceOp, [x, position], { axis: resolveAxis('dynamicSlice', axis, x.shape.length), size });
