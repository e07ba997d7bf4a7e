// Specs of reductions, cumulative ops and softmax: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import type { Tensor } from '../../../src/core/tensor.ts';
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';
import { noAxis, shaped, wrongTypes } from './wrong.ts';

export interface ReduceAttrs {
  readonly axes: number[];
  readonly keepdims: boolean;
}

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

interface NormAttrs extends ReduceAttrs {
  /** Infinity is a string, because JSON does not have it. */
  readonly p: number | 'inf' | '-inf';
}

type VarianceAttrs = ReduceAttrs & ops.VarianceOptions;

const spread = (call: typeof ops.variance): OpSpec => ({
  call: ([x], { axes, ...options }: VarianceAttrs) => call(x, axes, options),
  wrong: [
    noAxis({ axes: [2] }),
    { ...wrongTypes('i32'), attrs: { axes: [0] } },
    { inputs: shaped([3, 1]), attrs: { axes: [1] }, says: ['[3, 1]', '1 values', 'correction 1'] },
    { inputs: shaped([3, 0]), attrs: { axes: [1], correction: 0 } },
  ],
});

const position = (call: typeof ops.argmax): OpSpec => ({
  call: ([x], { axis, keepdims }: { axis: number | null; keepdims?: boolean }) => call(x, axis ?? undefined, keepdims),
  wrong: [
    noAxis({ axis: 2 }),
    { ...wrongTypes('bool'), attrs: { axis: 0 } },
    { inputs: shaped([3, 0]), attrs: { axis: 1 } },
    { inputs: shaped([0]), attrs: { axis: null }, says: ['[0]'] },
  ],
});

const scan = (call: typeof ops.cumsum, ...wrong: ReturnType<typeof wrongTypes>[]): OpSpec => ({
  call: ([x], { axis, ...options }: { axis: number } & ops.ScanOptions) => call(x, axis, options),
  wrong: [noAxis({ axis: 2 }), { ...wrongTypes('bool'), attrs: { axis: 0 } }, ...wrong],
});

export const reductions: Record<string, OpSpec> = {
  sum: reduce(ops.sum, noBool),
  mean: reduce(ops.mean, noBool, { ...wrongTypes('i32'), attrs: { axes: [0] } }),
  max: reduce(ops.max, noBool, noEmpty),
  min: reduce(ops.min, noBool, noEmpty),
  logsumexp: reduce(ops.logsumexp),
  softmax: softmax(ops.softmax),
  logSoftmax: softmax(ops.logSoftmax),
  prod: reduce(ops.prod, noBool, { ...wrongTypes('i32'), attrs: { axes: [0] } }),
  cumsum: scan(ops.cumsum),
  cumprod: scan(ops.cumprod, { ...wrongTypes('i32'), attrs: { axis: 0 } }),
  variance: spread(ops.variance),
  std: spread(ops.std),
  norm: {
    call: ([x], { p, axes, keepdims }: NormAttrs) => ops.norm(x, Number(String(p).replace('inf', 'Infinity')), axes, keepdims), // prettier-ignore
    wrong: [
      noAxis({ p: 2, axes: [2] }),
      { ...wrongTypes('i32'), attrs: { p: 2 } },
      { inputs: shaped([3]), attrs: { p: 0.5 }, says: ['0.5'] },
    ],
  },
  any: { call: ([x], { axes, keepdims }: ReduceAttrs) => ops.any(x, axes, keepdims), wrong: 'nothing' },
  all: { call: ([x], { axes, keepdims }: ReduceAttrs) => ops.all(x, axes, keepdims), wrong: 'nothing' },
  countNonzero: {
    call: ([x], { axes, keepdims }: ReduceAttrs) => ops.countNonzero(x, axes, keepdims),
    wrong: 'nothing',
  },
  argmax: position(ops.argmax),
  argmin: position(ops.argmin),
};
