// Joins tensors along an axis.

import { scatterCopy } from '../../../shaders/movement/copy.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import { applyOne, type KernelOp } from '../../core/op.ts';
import { resolveAxis, sizeOf, stridedOffsets, stridesOf } from '../../core/shape.ts';
import { formatSpec, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { slice } from './slice.ts';

interface ConcatAttrs {
  readonly axis: number;
}

/** Where each input starts along the axis. */
function startsOf(inputs: readonly TensorSpec[], axis: number): number[] {
  let start = 0;
  return inputs.map(({ shape }) => (start += shape[axis]) - shape[axis]);
}

export const concatOp: KernelOp<ConcatAttrs> = {
  name: 'concat',
  kind: 'kernels',
  infer(inputs, { axis }) {
    const [{ shape, dtype }] = inputs;
    const fits = (x: TensorSpec) =>
      x.dtype === dtype && x.shape.length === shape.length && x.shape.every((dim, i) => i === axis || dim === shape[i]);
    if (!inputs.every(fits)) {
      const found = inputs.map(formatSpec).join(', ');
      throw new Error(`concat: ${found} do not fit: types must be equal, and sizes except along axis ${axis}.`);
    }
    const total = inputs.reduce((sum, x) => sum + x.shape[axis], 0);
    return [{ shape: shape.with(axis, total), dtype }];
  },
  cpu({ inputs, outputs: [y], inputSpecs, outputSpecs: [{ shape }], attrs: { axis } }) {
    const strides = stridesOf(shape);
    const starts = startsOf(inputSpecs, axis);
    inputs.forEach((x, part) => {
      const base = starts[part] * strides[axis];
      stridedOffsets(inputSpecs[part].shape, strides).forEach((offset, i) => (y[base + offset] = x[i]));
    });
  },
  // One dispatch per input, so that the limit of bindings does not matter.
  gpu({ inputs, outputs: [{ shape, dtype }], attrs: { axis }, capabilities }) {
    const strides = stridesOf(shape);
    const starts = startsOf(inputs, axis);
    const kernels = inputs.flatMap((x, part) => {
      if (sizeOf(x.shape) === 0) return [];
      const copy = { shape: x.shape, strides, base: starts[part] * strides[axis], type: elementType(dtype) };
      return [scatterCopy('concat', copy, capabilities, part, inputs.length)];
    });
    return [{ name: 'copy', kernels }];
  },
  vjp({ inputs, gradients: [g], attrs: { axis } }) {
    const starts = startsOf(inputs, axis);
    return inputs.map(({ shape }, part) => {
      const from = shape.map((_, i) => (i === axis ? starts[part] : 0));
      return slice(g!, from, shape.map((dim, i) => from[i] + dim)); // prettier-ignore
    });
  },
  onnx: (graph, { inputs, attrs: { axis } }) => graph.node('Concat', inputs, { axis }),
};

/** `tensors` concatenated along `axis` (the first by default); their other axes must be equal. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new Error('concat: needs at least one tensor, but the list is empty.');
  return applyOne(concatOp, tensors, { axis: resolveAxis('concat', axis, tensors[0].shape.length) });
}
