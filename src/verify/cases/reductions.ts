// Ops that make one value of many, over each kind of axis: last, first, middle, all.

import { type Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { booleans, floats, integers, type CaseTable, type VerifyCase } from '../case.ts';

type Reduce = (x: Tensor, axes?: number | readonly number[], keepdims?: boolean) => Tensor;

/** A reduction over each kind of axis. */
export const reduce = (call: Reduce): VerifyCase[] => [
  { name: 'last', inputs: [floats([5, 129])], call: ([x]) => call(x, -1) },
  { name: 'first', inputs: [floats([65, 7])], call: ([x]) => call(x, 0, true) },
  { name: 'middle', inputs: [floats([3, 33, 5])], call: ([x]) => call(x, 1) },
  { name: 'outer', inputs: [floats([3, 5, 31])], call: ([x]) => call(x, [0, 2]) },
  { name: 'all', inputs: [floats([9, 31])], call: ([x]) => call(x) },
];

/** The same for whole numbers too, and sums that several workgroups share. */
const numbers = (call: Reduce): VerifyCase[] => [
  ...reduce(call).map((one, i): VerifyCase => (i < 2 ? { ...one, dtypes: ['f32', 'f16', 'i32', 'u32'] } : one)),
  { name: 'long', inputs: [floats([1025], -1, 1)], call: ([x]) => call(x) },
  { name: 'columns', inputs: [floats([1025, 3], -1, 1)], call: ([x]) => call(x, 0) },
  ...[
    { name: 'along fours', shape: [5, 1028], axis: 1 },
    { name: 'across fours', shape: [1025, 8], axis: 0 },
  ].map(({ name, shape, axis }): VerifyCase => ({
    name,
    inputs: [floats(shape, -1, 1)],
    call: ([x]) => call(x, axis),
    dtypes: ['f32', 'f16', 'i32', 'u32'],
  })),
];

/** What turns rows along an axis into rows. */
export const alongAxis = (call: (x: Tensor, axis: number) => Tensor): VerifyCase[] => [
  { name: 'last', inputs: [floats([5, 129], -8, 8)], call: ([x]) => call(x, -1) },
  { name: 'first', inputs: [floats([33, 7], -8, 8)], call: ([x]) => call(x, 0) },
  { name: 'middle', inputs: [floats([3, 65, 5], -8, 8)], call: ([x]) => call(x, 1) },
];

const counts = (call: Reduce): VerifyCase[] => [
  { name: 'booleans', inputs: [booleans([9, 3])], call: ([x]) => call(x, 1) },
  { name: 'numbers', inputs: [integers([3, 65], -1, 1)], call: ([x]) => call(x, 0) },
];

/** Whole numbers besides, of which many are equal. */
const positions = (call: typeof ops.argmax): VerifyCase[] => [
  { name: 'last', inputs: [floats([5, 129])], call: ([x]) => call(x, -1) },
  { name: 'first', inputs: [floats([33, 7])], call: ([x]) => call(x, 0, true) },
  { name: 'all', inputs: [floats([9, 31])], call: ([x]) => call(x) },
  { name: 'ties', inputs: [integers([7, 65], 0, 3)], call: ([x]) => call(x, 1) },
];

type Scan = (x: Tensor, axis: number, options?: ops.ScanOptions) => Tensor;

const scans = (call: Scan, low = -2, high = 2): VerifyCase[] => [
  { name: 'last', inputs: [floats([5, 65], low, high)], call: ([x]) => call(x, -1) },
  { name: 'middle', inputs: [floats([3, 33, 5], low, high)], call: ([x]) => call(x, 1, { reverse: true }) },
  { name: 'long', inputs: [floats([2, 1025], low, high)], call: ([x]) => call(x, 1) },
  { name: 'exclusive', inputs: [floats([31, 7], low, high)], call: ([x]) => call(x, 0, { exclusive: true }) },
];

export const reductions: CaseTable = {
  sum: numbers(ops.sum),
  mean: reduce(ops.mean),
  prod: reduce(ops.prod).map((one) => ({ ...one, inputs: one.inputs.map(({ shape }) => floats(shape, 0.8, 1.2)) })),
  variance: reduce((x, axes, keepdims) => ops.variance(x, axes, { keepdims })),
  std: reduce((x, axes, keepdims) => ops.std(x, axes, { keepdims })),
  norm: [
    ...reduce((x, axes, keepdims) => ops.norm(x, 2, axes, keepdims)),
    { name: 'l1', inputs: [floats([5, 33])], call: ([x]) => ops.norm(x, 1, 1) },
  ],
  all: counts(ops.all),
  any: counts(ops.any),
  countNonzero: counts(ops.countNonzero),
  argmax: positions(ops.argmax),
  argmin: positions(ops.argmin),
  cumsum: scans(ops.cumsum),
  cumprod: scans(ops.cumprod, 0.8, 1.2),
  max: numbers(ops.max),
  min: numbers(ops.min),
  logsumexp: reduce(ops.logsumexp),
  softmax: alongAxis(ops.softmax),
  logSoftmax: alongAxis(ops.logSoftmax),
  crossEntropy: [
    {
      name: 'rows',
      inputs: [floats([33, 10], -8, 8), integers([33], 0, 9)],
      call: ([logits, labels]) => ops.crossEntropy(logits, labels, { reduction: 'none' }),
    },
    {
      name: 'mean',
      inputs: [floats([7, 129], -8, 8), integers([7], 0, 128)],
      call: ([logits, labels]) => ops.crossEntropy(logits, labels),
    },
  ],
};
