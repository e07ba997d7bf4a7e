// Takes a block out of a tensor, with a step along each axis; and pads with zeros around and between, which is its gradient.

import { gatherCopy } from '../../../shaders/movement/copy.wgsl.ts';
import { padGather } from '../../../shaders/movement/pad.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import { applyOne, type KernelOp } from '../../core/op.ts';
import { formatShape, stridedOffsets, stridesOf, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

interface SliceAttrs {
  /** For each axis: the first position, the exclusive end, and the step. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

/** Strides and base of the elements taken from a tensor of `shape`. */
function places(shape: Shape, { starts, steps }: SliceAttrs): { strides: number[]; base: number } {
  const strides = stridesOf(shape);
  return {
    strides: strides.map((stride, axis) => stride * steps[axis]),
    base: strides.reduce((base, stride, axis) => base + stride * starts[axis], 0),
  };
}

export const sliceOp: KernelOp<SliceAttrs> = {
  name: 'slice',
  kind: 'kernels',
  infer([x], { starts, ends, steps }) {
    const fits = (dim: number, axis: number) =>
      [starts[axis], ends[axis], steps[axis]].every(Number.isInteger) &&
      starts[axis] >= 0 &&
      starts[axis] <= ends[axis] &&
      ends[axis] <= dim &&
      steps[axis] >= 1;
    if ([starts, ends, steps].some(({ length }) => length !== x.shape.length) || !x.shape.every(fits)) {
      throw new Error(
        `slice: starts [${starts}], ends [${ends}] and steps [${steps}] do not fit ${formatShape(x.shape)}: ` +
          'each axis needs 0 ≤ start ≤ end ≤ its size, and a step of at least 1.',
      );
    }
    return [{ shape: starts.map((start, axis) => Math.ceil((ends[axis] - start) / steps[axis])), dtype: x.dtype }];
  },
  cpu({ inputs: [x], outputs: [y], inputSpecs, outputSpecs, attrs }) {
    const { strides, base } = places(inputSpecs[0].shape, attrs);
    stridedOffsets(outputSpecs[0].shape, strides).forEach((offset, i) => (y[i] = x[base + offset]));
  },
  gpu({ inputs: [x], outputs: [{ shape }], attrs, capabilities }) {
    const copy = { shape, ...places(x.shape, attrs), type: elementType(x.dtype) };
    return [{ name: 'copy', kernels: [gatherCopy('slice', copy, capabilities)] }];
  },
  vjp({ inputs: [{ shape }], outputs: [y], gradients: [g], attrs: { starts, steps } }) {
    const after = shape.map((dim, axis) => {
      const taken = y.shape[axis];
      return dim - starts[axis] - (taken > 0 ? (taken - 1) * steps[axis] + 1 : 0);
    });
    return [padWithSpacing(g!, starts, after, steps)];
  },
  onnx(graph, { inputs: [x], tensors: [{ shape }], attrs: { starts, ends, steps } }) {
    const cut = shape.flatMap((dim, i) => (starts[i] > 0 || ends[i] < dim || steps[i] > 1 ? [i] : []));
    const list = (values: readonly number[]) => graph.ints(cut.map((axis) => values[axis]));
    return cut.length === 0 ? x : graph.node('Slice', [x, list(starts), list(ends), graph.ints(cut), list(steps)]);
  },
};

/**
 * Every `steps`-th element of `x` (all by default) from `starts` up to but excluding `ends` on each axis:
 * slice(x, [0, 2], [2, 6]) is NumPy's x[0:2, 2:6].
 */
export const slice = (
  x: Tensor,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = x.shape.map(() => 1),
): Tensor => applyOne(sliceOp, [x], { starts, ends, steps });

interface PadAttrs {
  /** Zeros at the start and at the end of each axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Distance of neighbours in the output: above 1, with zeros between them. */
  readonly spacing: readonly number[];
}

/** Positions that `dim` elements span. */
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
          'each axis needs a non-negative integer on either side.',
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
    const axes = x.shape.map((input, axis) => ({
      input,
      output: y.shape[axis],
      before: before[axis],
      spacing: spacing[axis],
    }));
    return [{ name: 'gather', kernels: [padGather(axes, elementType(x.dtype))] }];
  },
  vjp({ inputs: [x], gradients: [g], attrs: { before, spacing } }) {
    const ends = x.shape.map((dim, axis) => before[axis] + span(dim, spacing[axis]));
    return [slice(g!, before, ends, spacing)];
  },
  onnx(graph, { inputs: [x], tensors: [{ shape }], attrs: { before, after, spacing } }) {
    // Zeros between neighbours: appended to each along an axis of its own.
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

/** `pad` that also puts `spacing - 1` zeros between neighbours: the inverse of `slice` with steps. */
export const padWithSpacing = (
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  spacing: readonly number[],
): Tensor => applyOne(padOp, [x], { before, after, spacing });
