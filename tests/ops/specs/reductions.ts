// How ops that make one value of many are called, and what they refuse: reductions, softmax.

import type { Tensor } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';
import { shaped, wrongTypes } from './wrong.ts';

export interface ReduceAttrs {
  readonly axes: number[];
  readonly keepdims: boolean;
}

export const noAxis = (attrs: object): WrongInputs => ({ inputs: shaped([2, 3]), attrs, says: ['axis 2', '2 axes'] });

export const reduce = (call: typeof ops.sum, ...wrong: WrongInputs[]): OpSpec => ({
  call: ([x], { axes, keepdims }: ReduceAttrs) => call(x, axes, keepdims),
  wrong: [noAxis({ axes: [2] }), { inputs: shaped([2, 3]), attrs: { axes: [1, -1] }, says: ['twice'] }, ...wrong],
});
export const noBool: WrongInputs = { ...wrongTypes('bool'), attrs: { axes: [0] } };
const noEmpty: WrongInputs = { inputs: shaped([3, 0]), attrs: { axes: [1] } };

const softmax = (call: (x: Tensor, axis: number) => Tensor): OpSpec => ({
  call: ([x], { axis }: { axis: number }) => call(x, axis),
  wrong: [noAxis({ axis: 2 })],
});

export const reductions: Record<string, OpSpec> = {
  sum: reduce(ops.sum, noBool),
  mean: reduce(ops.mean, noBool, { ...wrongTypes('i32'), attrs: { axes: [0] } }),
  max: reduce(ops.max, noBool, noEmpty),
  min: reduce(ops.min, noBool, noEmpty),
  logsumexp: reduce(ops.logsumexp),
  softmax: softmax(ops.softmax),
  logSoftmax: softmax(ops.logSoftmax),
};
