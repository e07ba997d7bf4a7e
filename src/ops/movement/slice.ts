// Takes a block out of a tensor, every element or every few along each axis.

import { applyOne, type KernelOp } from '../../core/op.ts';
import { formatShape, stridedOffsets, stridesOf, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { gathering } from './copies.ts';
import { padWithSpacing } from './pad.ts';

interface SliceAttrs {
  /** For each axis: the first position, the one before which it ends, and the distance between two that are taken. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

/** Where the elements taken from a tensor of `shape` lie. */
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
    const copy = { shape, ...places(x.shape, attrs) };
    return [{ name: 'copy', kernels: [gathering('slice.copy', { copy, dtype: x.dtype, capabilities })] }];
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
 * The elements of `x` from `starts` to before `ends` on each axis, of which every `steps`-th is taken (all of them by
 * default): slice(x, [0, 2], [2, 6]) is x[0:2, 2:6] in NumPy's words.
 */
export const slice = (
  x: Tensor,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = x.shape.map(() => 1),
): Tensor => applyOne(sliceOp, [x], { starts, ends, steps });
