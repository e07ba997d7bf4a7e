// Surrounds a tensor with zeros.

import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import type { PadEdgesMode } from '../../../shaders/movement/pad-edges.wgsl.ts';
import { padKernel } from '../../../shaders/movement/pad.wgsl.ts';
import { linearGrid } from '../../core/kernel.ts';
import { applyOne, type KernelOp } from '../../core/op.ts';
import { formatShape, sizeOf, stridedOffsets, stridesOf } from '../../core/shape.ts';
import { fill, type Tensor } from '../../core/tensor.ts';
import { elementType } from '../lib/element-type.ts';
import { expand } from './expand.ts';
import { padEdges } from './pad-edges.ts';
import { slice } from './slice.ts';
import { where } from '../elementwise/where.ts';

interface PadAttrs {
  /** Zeros in front of and behind each axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Distance of neighbours in the output: beyond 1, zeros stand between them. */
  readonly spacing: readonly number[];
}

/** Positions that `dim` elements stretch over. */
const span = (dim: number, spacing: number): number => (dim > 0 ? (dim - 1) * spacing + 1 : 0);

export const padOp: KernelOp<PadAttrs> = {
  name: 'pad',
  kind: 'kernels',
  infer([x], { before, after, spacing }) {
    const margins = [...before, ...after];
    if (
      [before, after, spacing].some(({ length }) => length !== x.shape.length) ||
      margins.some((margin) => !Number.isInteger(margin) || margin < 0)
    ) {
      throw new Error(
        `pad: before [${before}] and after [${after}] do not fit ${formatShape(x.shape)}: ` +
          'each axis needs one whole number of zeros on either side.',
      );
    }
    const shape = x.shape.map((dim, axis) => before[axis] + span(dim, spacing[axis]) + after[axis]);
    return [{ shape, dtype: x.dtype }];
  },
  cpu({ inputs: [x], outputs: [y], inputSpecs, outputSpecs, attrs: { before, spacing } }) {
    const strides = stridesOf(outputSpecs[0].shape);
    const base = strides.reduce((total, stride, axis) => total + stride * before[axis], 0);
    const spaced = strides.map((stride, axis) => stride * spacing[axis]);
    stridedOffsets(inputSpecs[0].shape, spaced).forEach((offset, i) => (y[base + offset] = x[i]));
  },
  gpu({ inputs: [x], outputs: [y], attrs: { before, spacing } }) {
    const type = elementType(x.dtype);
    const axes = x.shape.map((input, axis) => ({
      input,
      output: y.shape[axis],
      before: before[axis],
      spacing: spacing[axis],
    }));
    const kernel = {
      name: 'pad.gather',
      wgsl: padKernel(axes, type),
      inputs: [{ name: 'x', type }],
      outputs: [{ name: 'y', type }],
      workgroups: linearGrid(sizeOf(y.shape), LINEAR_WORKGROUP),
    };
    return [{ name: 'gather', kernels: [kernel] }];
  },
  vjp({ inputs: [x], gradients: [g], attrs: { before, spacing } }) {
    const ends = x.shape.map((dim, axis) => before[axis] + span(dim, spacing[axis]));
    return [slice(g!, before, ends, spacing)];
  },
  onnx(graph, { inputs: [x], tensors: [{ shape }], attrs: { before, after, spacing } }) {
    // Zeros between neighbours: behind each of them along an axis of its own.
    const spaced = spacing.reduce((y, step, axis) => {
      if (step === 1 || shape[axis] === 0) return y;
      const now = shape.map((dim, i) => (i < axis ? span(dim, spacing[i]) : dim));
      const behind = [...now.map(() => 0), 0].with(axis + 1, step - 1);
      const apart = graph.reshape(y, now.toSpliced(axis + 1, 0, 1));
      const padded = graph.node('Pad', [apart, graph.ints([...behind.map(() => 0), ...behind])]);
      const joined = graph.reshape(padded, now.with(axis, now[axis] * step));
      const end = graph.ints([span(shape[axis], step)]);
      return graph.node('Slice', [joined, graph.ints([0]), end, graph.ints([axis])]);
    }, x);
    if ([...before, ...after].every((count) => count === 0)) return spaced;
    return graph.node('Pad', [spaced, graph.ints([...before, ...after])]);
  },
};

/** `pad` that also puts `spacing - 1` zeros between neighbours: what `slice` with steps undoes. */
export const padWithSpacing = (
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  spacing: readonly number[],
): Tensor => applyOne(padOp, [x], { before, after, spacing });

/** What a tensor is surrounded with. */
export interface PadOptions {
  /** 'constant' (the default): `value`. Else values of x: mirrored at the edge, the edge's, or those of the other side. */
  readonly mode?: 'constant' | PadEdgesMode;
  /** With mode 'constant'; 0 by default. */
  readonly value?: number;
}

/** `x` with `before[i]` values in front of axis i and `after[i]` behind it: zeros, or see `options`. */
export function pad(
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  { mode = 'constant', value = 0 }: PadOptions = {},
): Tensor {
  if (mode !== 'constant') return padEdges(x, before, after, mode);
  const spacing = x.shape.map(() => 1);
  const padded = padWithSpacing(x, before, after, spacing);
  if (value === 0) return padded;
  return where(padWithSpacing(expand(fill([], 1, 'bool'), x.shape), before, after, spacing), padded, value);
}
