// Softmax along an axis.

import { groupReduceWays } from '../../../shaders/lib/group-reduce.wgsl.ts';
import { softmaxSerial, softmaxGroups } from '../../../shaders/reductions/softmax.wgsl.ts';
import { floatType } from '../../core/kernel.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { resolveAxes, resolveAxis, rowOffset, rowsAlong, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, mul, sub } from '../elementwise/binary.ts';
import { detach } from '../elementwise/detach.ts';
import { max, sum } from './reduce.ts';
import { reshape } from '../movement/reshape.ts';
import { exp, log } from '../elementwise/unary.ts';

interface SoftmaxAttrs {
  readonly axis: number;
}

export const softmaxOp: KernelOp<SoftmaxAttrs> = {
  name: 'softmax',
  kind: 'kernels',
  infer([x]) {
    expectDType('softmax', 'x', x, 'f32', 'f16');
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
    const { rows, length, stride } = rowsAlong(inputSpecs[0].shape, attrs.axis);
    for (let row = 0; row < rows; row++) {
      const start = rowOffset({ length, stride }, row);
      let largest = -Infinity;
      for (let i = 0; i < length; i++) largest = Math.max(largest, x[start + i * stride]);
      let total = 0;
      for (let i = 0; i < length; i++) total += Math.exp(x[start + i * stride] - largest);
      for (let i = 0; i < length; i++) y[start + i * stride] = Math.exp(x[start + i * stride] - largest) / total;
    }
  },
  gpu({ inputs: [x], attrs, capabilities }) {
    const shape = rowsAlong(x.shape, attrs.axis);
    const type = floatType(x.dtype);
    const serial = { name: 'serial', kernels: [softmaxSerial(shape, type)] };
    const groups = groupReduceWays(capabilities).map((by) => ({ name: by, kernels: [softmaxGroups(shape, type, by)] }));
    return capabilities.software || shape.length < 64 ? [serial, ...groups] : [...groups, serial];
  },
  // dx = y · (g − Σ g·y)
  vjp({ outputs: [y], gradients: [g], attrs }) {
    return [mul(y, sub(g!, sum(mul(g!, y), attrs.axis, true)))];
  },
  flops: ([x]) => 5 * sizeOf(x.shape),
  onnx: (graph, { inputs: [x], attrs: { axis } }) => graph.node('Softmax', [x], { axis }),
};

/** e^x over its sum along `axis` (the last one by default). */
export const softmax = (x: Tensor, axis = -1): Tensor =>
  applyOne(softmaxOp, [x], { axis: resolveAxis('softmax', axis, x.shape.length) });

/** x minus its largest value over `axes`, and that value. Detached, since the final result does not depend on it. */
function shifted(x: Tensor, axes: readonly number[]): { distance: Tensor; shift: Tensor } {
  const shift = detach(max(x, axes, true));
  return { distance: sub(x, shift), shift };
}

/** log Σ e^x over `axes`, safe for large x. */
export function logsumexp(x: Tensor, axes?: number | readonly number[], keepdims = false): Tensor {
  const over = resolveAxes('logsumexp', axes, x.shape.length);
  const { distance, shift } = shifted(x, over);
  const result = log(sum(exp(distance), over, keepdims));
  return add(result, reshape(shift, result.shape));
}

/** log of softmax along `axis` (the last one by default), more accurate than log(softmax). */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const over = [resolveAxis('logSoftmax', axis, x.shape.length)];
  const { distance } = shifted(x, over);
  return sub(distance, log(sum(exp(distance), over, true)));
}
