// Reverses the order along axes.

import { gatherCopy } from '../../../shaders/movement/copy.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import { applyOne, type KernelOp } from '../../core/op.ts';
import { resolveAxes, stridedOffsets, stridesOf, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

interface FlipAttrs {
  readonly axes: readonly number[];
}

/** Strides and base to read by: reversed axes start at the end, with a negative stride modulo 2³². */
function places(shape: Shape, { axes }: FlipAttrs): { strides: number[]; base: number } {
  const strides = stridesOf(shape);
  return {
    strides: strides.map((stride, axis) => (axes.includes(axis) ? -stride >>> 0 : stride)),
    base: axes.reduce((base, axis) => base + strides[axis] * Math.max(0, shape[axis] - 1), 0),
  };
}

export const flipOp: KernelOp<FlipAttrs> = {
  name: 'flip',
  kind: 'kernels',
  infer: ([{ shape, dtype }]) => [{ shape, dtype }],
  cpu({ inputs: [x], outputs: [y], inputSpecs: [{ shape }], attrs }) {
    const { strides, base } = places(shape, attrs);
    stridedOffsets(shape, strides).forEach((offset, i) => (y[i] = x[(base + offset) >>> 0]));
  },
  gpu({ inputs: [{ shape, dtype }], attrs, capabilities }) {
    const copy = { shape, ...places(shape, attrs), type: elementType(dtype) };
    return [{ name: 'copy', kernels: [gatherCopy('flip', copy, capabilities)] }];
  },
  vjp: ({ gradients: [g], attrs }) => [applyOne(flipOp, [g!], attrs)],
  onnx: (graph, { inputs: [x], attrs: { axes } }) => {
    const list = (value: number) => graph.ints(axes.map(() => value));
    return axes.length === 0 ? x : graph.node('Slice', [x, list(-1), list(-(2 ** 31)), graph.ints(axes), list(-1)]);
  },
};

/** `x` in reverse order along `axes`. */
export const flip = (x: Tensor, axes: number | readonly number[]): Tensor =>
  applyOne(flipOp, [x], { axes: resolveAxes('flip', axes, x.shape.length) });
