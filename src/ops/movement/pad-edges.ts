// Pads a tensor with its own values, and sums these back to their sources: two records, each the other's gradient.

import { padEdgesGradGather, padEdgesGather, type PadEdgesMode } from '../../../shaders/movement/pad-edges.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import { gradientOnly } from '../../core/onnx.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { expectWhole, formatShape, sizeOf, stridesOf, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

interface PadEdgesAttrs {
  /** Shape without padding. */
  readonly shape: Shape;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly mode: PadEdgesMode;
}

const paddedShape = ({ shape, before, after }: PadEdgesAttrs) =>
  shape.map((dim, axis) => before[axis] + dim + after[axis]);

const axesOf = ({ shape, before, after }: PadEdgesAttrs) =>
  shape.map((size, axis) => ({ size, before: before[axis], after: after[axis] }));

/** Source index of position `at`, relative to the first inner value, on an axis of `size`. */
const source: Readonly<Record<PadEdgesMode, (at: number, size: number) => number>> = {
  reflect: (at, size) => (at >= size ? 2 * (size - 1) - at : Math.abs(at)),
  replicate: (at, size) => Math.min(Math.max(at, 0), size - 1),
  circular: (at, size) => (at + size) % size,
};

/** The most values that each mode can pad on one side of an axis of `size`. */
const most: Readonly<Record<PadEdgesMode, (size: number) => number>> = {
  reflect: (size) => size - 1,
  replicate: (size) => (size > 0 ? Infinity : 0),
  circular: (size) => size,
};

/** For each element of the padded tensor, the index of its source in the inner tensor. */
function sources(attrs: PadEdgesAttrs): Uint32Array {
  const strides = stridesOf(attrs.shape);
  let found = [0];
  paddedShape(attrs).forEach((dim, axis) => {
    const steps = Array.from(
      { length: dim },
      (_, at) => source[attrs.mode](at - attrs.before[axis], attrs.shape[axis]) * strides[axis],
    );
    found = found.flatMap((base) => steps.map((step) => base + step));
  });
  return Uint32Array.from(found);
}

export const padEdgesOp: KernelOp<PadEdgesAttrs> = {
  name: 'padEdges',
  kind: 'kernels',
  infer([x], attrs) {
    const { before, after, mode } = attrs;
    if ([before, after].some(({ length }) => length !== x.shape.length)) {
      throw new Error(
        `pad: before [${before}] and after [${after}] do not fit ${formatShape(x.shape)}: they need one number per axis.`,
      );
    }
    expectWhole('pad', 'before', before, 0);
    expectWhole('pad', 'after', after, 0);
    x.shape.forEach((dim, axis) => {
      if (Math.max(before[axis], after[axis]) <= most[mode](dim)) return;
      throw new Error(
        `pad: mode ${mode} can pad axis ${axis} of ${formatShape(x.shape)} by at most ${most[mode](dim)} values per side, ` +
          `but before is [${before}] and after [${after}].`,
      );
    });
    return [{ shape: paddedShape(attrs), dtype: x.dtype }];
  },
  cpu({ inputs: [x], outputs: [y], attrs }) {
    sources(attrs).forEach((at, i) => (y[i] = x[at]));
  },
  gpu: ({ inputs: [x], attrs }) => [
    { name: 'gather', kernels: [padEdgesGather(axesOf(attrs), attrs.mode, elementType(x.dtype))] },
  ],
  vjp: ({ gradients: [g], attrs }) => [applyOne(padEdgesGradOp, [g!], attrs)],
  onnx(graph, { inputs: [x], attrs: { shape, before, after, mode } }) {
    if (mode !== 'circular') {
      const kind = mode === 'reflect' ? 'reflect' : 'edge';
      return graph.node('Pad', [x, graph.ints([...before, ...after])], { mode: kind });
    }
    // Opset 17 has no circular mode.
    return shape.reduce((y, dim, axis) => {
      const part = (start: number, end: number) =>
        start < end ? [graph.node('Slice', [y, graph.ints([start]), graph.ints([end]), graph.ints([axis])])] : [];
      const parts = [...part(dim - before[axis], dim), y, ...part(0, after[axis])];
      return parts.length === 1 ? y : graph.node('Concat', parts, { axis });
    }, x);
  },
};

export const padEdgesGradOp: KernelOp<PadEdgesAttrs> = {
  name: 'padEdgesGrad',
  kind: 'kernels',
  stores: true,
  infer([g], { shape }) {
    expectDType('padEdgesGrad', 'gradient', g, 'f32', 'f16');
    return [{ shape, dtype: g.dtype }];
  },
  cpu({ inputs: [g], outputs: [dx], attrs }) {
    const totals = new Float64Array(dx.length);
    sources(attrs).forEach((at, i) => (totals[at] += g[i]));
    dx.set(totals);
  },
  gpu: ({ inputs: [g], attrs }) => [
    { name: 'gather', kernels: [padEdgesGradGather(axesOf(attrs), attrs.mode, elementType(g.dtype))] },
  ],
  vjp: ({ gradients: [h], attrs }) => [applyOne(padEdgesOp, [h!], attrs)],
  flops: ([g]) => sizeOf(g.shape),
  onnx: gradientOnly,
};

/** `x` padded with `before[i]` and `after[i]` of its own values along axis i. */
export const padEdges = (x: Tensor, before: readonly number[], after: readonly number[], mode: PadEdgesMode): Tensor =>
  applyOne(padEdgesOp, [x], { shape: x.shape, before, after, mode });
