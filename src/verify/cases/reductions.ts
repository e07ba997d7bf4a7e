// Reductions over each kind of axis: last, first, middle, all.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { exact, rounded, type CheckTable } from '../allowed.ts';
import { anyNumber, booleans, floats, integers, type VerifyCase } from '../case.ts';

type Reduce = (x: Tensor, axes?: number | readonly number[], keepdims?: boolean) => Tensor;

/** Cases of a reduction over each kind of axis. */
export const reduce = (call: Reduce): VerifyCase[] => [
  { name: 'last', inputs: [floats([5, 129])], call: ([x]) => call(x, -1) },
  { name: 'first', inputs: [floats([65, 7])], call: ([x]) => call(x, 0, true) },
  { name: 'middle', inputs: [floats([3, 33, 5])], call: ([x]) => call(x, 1) },
  { name: 'outer', inputs: [floats([3, 5, 31])], call: ([x]) => call(x, [0, 2]) },
  { name: 'all', inputs: [floats([9, 31])], call: ([x]) => call(x) },
];

/** The same, also for integers, and for sums split over several workgroups. */
const numbers = (call: Reduce): VerifyCase[] => [
  ...reduce(call).map((one, i): VerifyCase => (i < 2 ? { ...one, dtypes: anyNumber } : one)),
  { name: 'long', inputs: [floats([1025], -1, 1)], call: ([x]) => call(x) },
  { name: 'columns', inputs: [floats([1025, 3], -1, 1)], call: ([x]) => call(x, 0) },
  ...[
    { name: 'along fours', shape: [5, 1028], axis: 1 },
    { name: 'across fours', shape: [1025, 8], axis: 0 },
  ].map(({ name, shape, axis }): VerifyCase => ({
    name,
    inputs: [floats(shape, -1, 1)],
    call: ([x]) => call(x, axis),
    dtypes: anyNumber,
  })),
];

/** Cases of ops that map rows along an axis to rows. */
export const alongAxis = (call: (x: Tensor, axis: number) => Tensor): VerifyCase[] => [
  { name: 'last', inputs: [floats([5, 129], -8, 8)], call: ([x]) => call(x, -1) },
  { name: 'first', inputs: [floats([33, 7], -8, 8)], call: ([x]) => call(x, 0) },
  { name: 'middle', inputs: [floats([3, 65, 5], -8, 8)], call: ([x]) => call(x, 1) },
];

const counts = (call: Reduce): VerifyCase[] => [
  { name: 'booleans', inputs: [booleans([9, 3])], call: ([x]) => call(x, 1) },
  { name: 'numbers', inputs: [integers([3, 65], -1, 1)], call: ([x]) => call(x, 0) },
];

/** Also integers, with many equal values. */
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

export const reductionsChecks: CheckTable = {
  // f32 sums of n terms have errors of up to n units of the terms' sum; the longest here has 1025 values up to 2. Measured 27.
  sum: { cpu: [0, 0], gpu: [108, 0], cases: numbers(ops.sum) },
  // The same divided by n. Measured 0.7.
  mean: { cpu: [0, 1], gpu: [2, 0], cases: reduce(ops.mean) },
  // Values are selected; the gradient is divided by the number of ties (WGSL: 2.5 ulp).
  max: { cpu: [0, 0], gpu: [0, 5], cases: numbers(ops.max) },
  min: { cpu: [0, 0], gpu: [0, 5], cases: numbers(ops.min) },
  // Integers.
  all: { ...exact, cases: counts(ops.all) },
  any: { ...exact, cases: counts(ops.any) },
  argmax: { ...exact, cases: positions(ops.argmax) },
  argmin: { ...exact, cases: positions(ops.argmin) },
  countNonzero: { ...exact, cases: counts(ops.countNonzero) },
  // Products of up to 129 factors around 1; the gradient uses two running products. Measured 4.6 and 6.8.
  prod: {
    ...rounded,
    gpu: [16, 24],
    cases: reduce(ops.prod).map((one) => ({ ...one, inputs: one.inputs.map(({ shape }) => floats(shape, 0.8, 1.2)) })),
  },
  // Sums of up to 2500 values below 0.1, or of 1025 up to 2. Measured 49 and 61.
  cumsum: { cpu: [0, 0], gpu: [96, 192], cases: scans(ops.cumsum) },
  // Products of up to 2100 factors around 1. Measured 24 and 42.
  // f16: The CPU rounds each of several factors. Measured 2.2 and 2.1; products of up to 1100 factors 3.7.
  cumprod: { ...rounded, gpu: [80, 120], f16: [2, 8], cases: scans(ops.cumprod, 0.8, 1.2) },
  // Sums of up to 129 squares below 4; the gradient is the deviation from a mean. Measured 4.5 and 0.8.
  variance: { ...rounded, gpu: [16, 3], cases: reduce((x, axes, keepdims) => ops.variance(x, axes, { keepdims })) },
  // The square root of that (WGSL: 2.5 and 2 ulp). Measured 1.9 and 0.7.
  std: { ...rounded, gpu: [7, 2.5], cases: reduce((x, axes, keepdims) => ops.std(x, axes, { keepdims })) },
  // Like std, and pow for norms other than 1, 2 and infinity. Measured 2.2 and 1.7.
  norm: {
    ...rounded,
    gpu: [8.5, 6.9],
    cases: [
      ...reduce((x, axes, keepdims) => ops.norm(x, 2, axes, keepdims)),
      { name: 'l1', inputs: [floats([5, 33])], call: ([x]) => ops.norm(x, 1, 1) },
    ],
  },
  // Exponentials of negative numbers, a sum of up to 257 of them, a logarithm. Measured 2.0 and 0.8.
  logsumexp: { ...rounded, gpu: [6, 3], cases: reduce(ops.logsumexp) },
  // Measured 0.8 and 1.3.
  softmax: { ...rounded, gpu: [3, 5], cases: alongAxis(ops.softmax) },
  // Measured 2.0 and 3.9: the gradient subtracts the softmax times a sum.
  logSoftmax: { ...rounded, gpu: [6, 15], cases: alongAxis(ops.logSoftmax) },
};
