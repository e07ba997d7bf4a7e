// Indices of the largest and smallest values.

import { argSerial, argTree, type ArgShape } from '../../../shaders/reductions/arg-extreme.wgsl.ts';
import { elementType } from '../../core/kernel.ts';
import { applyOne, expectDType, type KernelOp, type Op } from '../../core/op.ts';
import { formatShape, reducedShape, resolveAxis, rowOffset, rowsAlong } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { reshape } from '../movement/reshape.ts';

interface ArgAttrs {
  readonly axis: number;
  readonly keepdims: boolean;
}

function argExtreme(name: string, largest: boolean): KernelOp<ArgAttrs> {
  return {
    name,
    kind: 'kernels',
    infer([x], { axis, keepdims }) {
      expectDType(name, 'x', x, 'f32', 'f16', 'i32', 'u32');
      if (x.shape[axis] === 0) throw new Error(`${name}: axis ${axis} of ${formatShape(x.shape)} is empty.`);
      return [{ shape: reducedShape(x.shape, [axis], keepdims), dtype: 'i32' }];
    },
    cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
      const { rows, length, stride } = rowsAlong(inputSpecs[0].shape, attrs.axis);
      for (let row = 0; row < rows; row++) {
        const start = rowOffset({ length, stride }, row);
        const value = (i: number) => x[start + i * stride];
        let at = 0;
        for (let i = 1; i < length; i++) if (largest ? value(i) > value(at) : value(i) < value(at)) at = i;
        y[row] = at;
      }
    },
    gpu({ inputs: [x], attrs, capabilities }) {
      const type = x.dtype === 'i32' || x.dtype === 'u32' ? x.dtype : 'f32';
      const shape: ArgShape = { ...rowsAlong(x.shape, attrs.axis), type, given: elementType(x.dtype), largest };
      const serial = { name: 'serial', kernels: [argSerial(shape)] };
      const tree = { name: 'tree', kernels: [argTree(shape)] };
      return capabilities.software || shape.length < 64 ? [serial, tree] : [tree, serial];
    },
    vjp: 'none',
    onnx(graph, { inputs: [x], tensors: [{ dtype }], attrs: { axis, keepdims } }) {
      const exact = dtype === 'u32' ? graph.cast(x, 'f64') : x;
      const type = largest ? 'ArgMax' : 'ArgMin';
      return graph.cast(graph.node(type, [exact], { axis, keepdims: Number(keepdims) }), 'i32');
    },
  };
}

const argmaxOp = argExtreme('argmax', true);
const argminOp = argExtreme('argmin', false);

type ArgReduce = (x: Tensor, axis?: number, keepdims?: boolean) => Tensor;

const argFunction = (op: Op<ArgAttrs>): ArgReduce =>
  function (x, axis, keepdims = false) {
    if (axis !== undefined) return applyOne(op, [x], { axis: resolveAxis(op.name, axis, x.shape.length), keepdims });
    const flat = applyOne(op, [reshape(x, [x.size])], { axis: 0, keepdims: false });
    return keepdims ? reshape(flat, x.shape.map(() => 1)) : flat; // prettier-ignore
  };

/**
 * Index (i32) of the largest value along `axis`, or without one in x flattened; the first among equal values, undefined if
 * there is a NaN. `keepdims` keeps the axes with size 1.
 */
export const argmax: ArgReduce = argFunction(argmaxOp);
/** Index (i32) of the smallest value along `axis`, or without one in x flattened; as argmax. */
export const argmin: ArgReduce = argFunction(argminOp);

export const argOps = [argmaxOp, argminOp];
