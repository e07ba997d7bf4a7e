// Gathers values by an index tensor along one axis, and scatters sums to indexed positions: each the other's gradient.

import { gatherElements, scatterSums, type GatherShape } from '../../../shaders/indexing/gather.wgsl.ts';
import type { DType } from '../../core/dtype.ts';
import { elementType } from '../../core/kernel.ts';
import type { OnnxValue } from '../../core/onnx.ts';
import { applyOne, expectDType, type CpuArray, type KernelOp } from '../../core/op.ts';
import {
  broadcastStrides, formatShape, resolveAxis, sameShape, sizeOf, stridedOffsets, stridesOf, type Shape,
} from '../../core/shape.ts'; // prettier-ignore
import type { Tensor, TensorSpec } from '../../core/tensor.ts';
import { add } from '../elementwise/binary.ts';
import { heldAs } from '../lib/onnx.ts';
import { pad } from '../movement/pad.ts';
import { slice } from '../movement/slice.ts';
import { argsort } from './sort.ts';

interface GatherAttrs {
  readonly axis: number;
}

interface ScatterAttrs extends GatherAttrs {
  /** Size of the axis. */
  readonly size: number;
}

/** Up to this length every thread walks the list of indices; longer ones are sorted first. */
const WALK = 32;

/** Throws unless the index has the axes of `x`, each of the same size or 1, where it broadcasts. */
function checkIndex(who: string, what: string, x: TensorSpec, index: TensorSpec, axis: number): void {
  expectDType(who, 'index', index, 'i32');
  const fits = (dim: number, i: number) => i === axis || dim === x.shape[i] || dim === 1;
  if (index.shape.length === x.shape.length && index.shape.every(fits)) return;
  throw new Error(
    `${who}: an index of ${formatShape(index.shape)} does not fit ${what} of ${formatShape(x.shape)}: ` +
      `it needs as many axes, of the same sizes or 1 except along axis ${axis}.`,
  );
}

/** Calls `visit` for each index, with its element's offset in the picked tensor and in the source. */
function forIndices(
  who: string,
  index: CpuArray,
  indexShape: Shape,
  { picked, size, axis }: { picked: Shape; size: number; axis: number },
  visit: (picked: number, from: number) => void,
): void {
  const strides = stridesOf(picked.with(axis, size));
  const starts = stridedOffsets(picked, strides.with(axis, 0));
  stridedOffsets(picked, broadcastStrides(indexShape, picked)).forEach((at, i) => {
    const place = index[at];
    if (place < 0 || place >= size) {
      throw new Error(`${who}: index ${place} at position ${at} is out of range: axis ${axis} has size ${size}.`);
    }
    visit(i, starts[i] + place * strides[axis]);
  });
}

/** The shapes for a kernel that computes `y`; `picked` has the index's size along the axis. */
const shapeFor = (y: TensorSpec, picked: Shape, index: TensorSpec, axis: number, length: number): GatherShape => ({
  shape: y.shape,
  axis,
  length,
  indexStrides: broadcastStrides(index.shape, picked),
  type: elementType(y.dtype),
  sumType: y.dtype === 'f16' ? 'f32' : elementType(y.dtype),
});

export const gatherOp: KernelOp<GatherAttrs> = {
  name: 'gather',
  kind: 'kernels',
  stores: true,
  infer([x, index], { axis }) {
    checkIndex('gather', 'a tensor', x, index, axis);
    return [{ shape: x.shape.with(axis, index.shape[axis]), dtype: x.dtype }];
  },
  cpu({ inputs: [x, index], outputs: [y], inputSpecs, outputSpecs, attrs: { axis } }) {
    const at = { picked: outputSpecs[0].shape, size: inputSpecs[0].shape[axis], axis };
    forIndices('gather', index, inputSpecs[1].shape, at, (picked, from) => (y[picked] = x[from]));
  },
  gpu({ inputs: [x, index], outputs: [y], attrs: { axis } }) {
    const shape = shapeFor(y, y.shape, index, axis, x.shape[axis]);
    return [{ name: 'element', kernels: [gatherElements(shape)] }];
  },
  vjp({ inputs: [x, index], gradients: [g], attrs: { axis } }) {
    return [scatterSum(index, g!, { axis, size: x.shape[axis] }), null];
  },
  onnx(graph, { inputs: [x, index], tensors, outputs: [{ shape }], attrs: { axis } }) {
    const places = tensors[1].shape;
    // An index that varies only along the axis picks whole slices.
    if (places.every((dim, i) => i === axis || dim === 1)) {
      return graph.node('Gather', [x, graph.reshape(index, [places[axis]])], { axis });
    }
    const all = sameShape(places, shape) ? index : graph.expand(index, shape);
    return graph.node('GatherElements', [x, all], { axis });
  },
};

const summable: DType[] = ['f32', 'f16', 'i32', 'u32'];

export const scatterSumOp: KernelOp<ScatterAttrs> = {
  name: 'scatterSum',
  kind: 'kernels',
  stores: true,
  infer([index, source], { axis, size }) {
    checkIndex('scatterAdd', 'a source', source, index, axis);
    expectDType('scatterAdd', 'source', source, ...summable);
    return [{ shape: source.shape.with(axis, size), dtype: source.dtype }];
  },
  cpu({ inputs: [index, source], outputs: [y], inputSpecs, outputSpecs, attrs: { axis, size } }) {
    // Accumulated in float64: f32 outputs would round at every addition.
    const totals = new Float64Array(sizeOf(outputSpecs[0].shape));
    const at = { picked: inputSpecs[1].shape, size, axis };
    forIndices('scatterAdd', index, inputSpecs[0].shape, at, (picked, to) => (totals[to] += source[picked]));
    y.set(totals);
  },
  gpu({ inputs: [index, source, order], outputs: [y], attrs: { axis } }) {
    const shape = shapeFor(y, source.shape, index, axis, source.shape[axis]);
    return [{ name: order ? 'search' : 'walk', kernels: [scatterSums(shape, Boolean(order))] }];
  },
  vjp: ({ inputs: [index, , order], gradients: [g], attrs: { axis } }) => [
    null,
    applyOne(gatherOp, [g!, index], { axis }),
    ...(order ? [null] : []),
  ],
  onnx(graph, { inputs: [index, source], tensors, outputs: [{ shape, dtype }], attrs: { axis } }) {
    const all = sameShape(tensors[0].shape, tensors[1].shape) ? index : graph.expand(index, tensors[1].shape);
    // Sums of f16 are accumulated in f32, as on the GPU.
    const type = dtype === 'f16' ? 'f32' : heldAs(dtype);
    const wide = (x: OnnxValue) => (type === dtype ? x : graph.cast(x, type));
    const inputs = [graph.expand(graph.number(0, type), shape), all, wide(source)];
    const sums = graph.node('ScatterElements', inputs, { axis, reduction: 'add' });
    return type === dtype ? sums : graph.cast(sums, dtype);
  },
};

/** Zeros with `source` added at positions `index` along the axis; `index` may have size 1 along the others. */
export function scatterSum(index: Tensor, source: Tensor, attrs: ScatterAttrs): Tensor {
  const inputs = index.shape[attrs.axis] <= WALK ? [index, source] : [index, source, argsort(index, attrs.axis)];
  return applyOne(scatterSumOp, inputs, attrs);
}

/** `x` at positions `index` along `axis`; the index may have size 1 along the other axes, where it broadcasts. */
export const pick = (x: Tensor, index: Tensor, axis: number): Tensor => applyOne(gatherOp, [x, index], { axis });

/** Checks the sizes of an index that is no longer than `x` along all axes but `axis`. */
function expectWithin(who: string, index: TensorSpec, x: TensorSpec, axis: number | null): void {
  const { shape } = index;
  if (shape.length === x.shape.length && shape.every((dim, i) => i === axis || dim <= x.shape[i])) return;
  throw new Error(
    `${who}: an index of ${formatShape(shape)} does not fit ${formatShape(x.shape)}: it needs as many axes, none longer` +
      (axis === null ? '.' : `, except axis ${axis}.`),
  );
}

/** The leading corner of `x` of the given `shape`. */
const corner = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : slice(x, shape.map(() => 0), shape); // prettier-ignore

/**
 * y[i][j] = x[index[i][j]][j] for axis 0, x[i][index[i][j]] for axis 1, and so on, as torch.gather: `index` (i32) has the
 * axes of `x` and is no longer, except along `axis`; y has its shape. An index out of range throws on the CPU and gives 0
 * on a GPU, which cannot report it.
 */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor {
  const along = resolveAxis('gather', axis, x.shape.length);
  expectWithin('gather', index, x, along);
  return pick(corner(x, index.shape.with(along, x.shape[along])), index, along);
}

/**
 * `base` with each `source[i][j]` added at [index[i][j]][j] for axis 0, at [i][index[i][j]] for axis 1, and so on, as
 * torch.scatter_add: `index` (i32) is no longer than `source`, nor, except along `axis`, than `base`. Values with the same
 * index are added in order, so results are reproducible. An index out of range throws on the CPU and adds nothing on a GPU.
 */
export function scatterAdd(base: Tensor, index: Tensor, source: Tensor, axis: number): Tensor {
  const along = resolveAxis('scatterAdd', axis, base.shape.length);
  expectWithin('scatterAdd', index, base, along);
  expectWithin('scatterAdd', index, source, null);
  if (source.dtype !== base.dtype) {
    throw new Error(`scatterAdd: base and source must have the same type, but are ${base.dtype} and ${source.dtype}.`);
  }
  const added = scatterSum(index, corner(source, index.shape), { axis: along, size: base.shape[along] });
  const missing = base.shape.map((dim, i) => dim - added.shape[i]);
  return add(base, missing.some(Boolean) ? pad(added, missing.map(() => 0), missing) : added); // prettier-ignore
}
