// Elementwise ops: broadcasting, sizes around a workgroup, both sides of every kink, the whole useful range.

import type { Tensor, TensorLike } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { exact, rounded, summedGradient, type CheckTable } from '../allowed.ts';
import { anyNumber, anyType, booleans, floats, ofTypes, type VerifyCase } from '../case.ts';

/** Cases of a unary op, with values from `low` to `high`. */
export const unary = (call: (x: Tensor) => Tensor, low: number, high: number): VerifyCase[] => [
  { name: 'odd', inputs: [floats([3, 129], low, high)], call: ([x]) => call(x) },
  { name: 'one', inputs: [floats([1], low, high)], call: ([x]) => call(x) },
];

type Binary = (a: TensorLike, b: TensorLike) => Tensor;

/** Cases of a binary op with broadcasting; the second operand is from `low` to `high`. */
export const binary = (call: Binary, low = -2, high = 2): VerifyCase[] => [
  { name: 'equal', inputs: [floats([5, 67]), floats([5, 67], low, high)], call: ([a, b]) => call(a, b) },
  { name: 'row', inputs: [floats([7, 33]), floats([33], low, high)], call: ([a, b]) => call(a, b) },
  { name: 'column', inputs: [floats([9, 1]), floats([2, 1, 17], low, high)], call: ([a, b]) => call(a, b) },
];

/** The same, also for integers. */
const numbers = (call: Binary, low?: number, high?: number): VerifyCase[] =>
  binary(call, low, high).map((one) => ({ ...one, dtypes: anyNumber }));

const comparison = (call: Binary): VerifyCase[] => [
  ...numbers(call),
  // Random numbers are rarely equal, signs often.
  { name: 'ties', inputs: [floats([129]), floats([129])], call: ([a, b]) => call(ops.sign(a), ops.sign(b)) },
];

export const elementwiseChecks: CheckTable = {
  abs: { ...exact, cases: unary(ops.abs, -3, 3) },
  cast: {
    ...exact,
    cases: (['f32', 'i32', 'u32', 'bool'] as const).map((to) => ({
      name: `to ${to}`,
      inputs: [floats([129], -9, 9)],
      call: ([x]) => ops.cast(x, to),
      dtypes: ['f32', 'f16', 'i32', 'u32', 'bool'],
    })),
  },
  detach: { ...exact, cases: [{ name: 'odd', inputs: [floats([3, 43])], call: ([x]) => ops.detach(x) }] },
  eq: { ...exact, cases: comparison(ops.eq) },
  ge: { ...exact, cases: comparison(ops.ge) },
  gt: { ...exact, cases: comparison(ops.gt) },
  le: { ...exact, cases: comparison(ops.le) },
  lt: { ...exact, cases: comparison(ops.lt) },
  ne: { ...exact, cases: comparison(ops.ne) },
  neg: { ...exact, cases: unary(ops.neg, -3, 3) },
  relu: { ...exact, cases: unary(ops.relu, -3, 3) },
  sign: { ...exact, cases: unary(ops.sign, -3, 3) },
  // f16: The CPU rounds the gradient two or three times. Measured 1.6 to 2.2.
  square: { ...exact, f16: [0, 3], cases: unary(ops.square, -3, 3) },
  ceil: { ...exact, cases: unary(ops.ceil, -9, 9) },
  arange: {
    ...exact,
    cases: [{ name: 'steps', inputs: [], call: () => ops.arange(33, { start: -5, step: 3 }), backward: false }],
  },
  eye: { ...exact, cases: [{ name: 'wide', inputs: [], call: () => ops.eye(3, 33), backward: false }] },
  linspace: { ...exact, cases: [{ name: 'odd', inputs: [], call: () => ops.linspace(-1, 2, 33), backward: false }] },
  maskedFill: {
    ...exact,
    cases: ofTypes(anyNumber, {
      name: 'rows',
      inputs: [floats([5, 33]), booleans([33])],
      call: ([x, mask]) => ops.maskedFill(x, mask, 2),
    }),
  },
  tril: {
    ...exact,
    cases: ofTypes(anyType, { name: 'batch', inputs: [floats([2, 33, 31])], call: ([x]) => ops.tril(x, -1) }),
  },
  triu: {
    ...exact,
    cases: ofTypes(anyType, { name: 'batch', inputs: [floats([2, 33, 31])], call: ([x]) => ops.triu(x, 2) }),
  },
  clamp: { ...exact, cases: unary((x) => ops.clamp(x, { min: -1, max: 1.5 }), -3, 3) },
  floor: { ...exact, cases: unary(ops.floor, -9, 9) },
  hardtanh: { ...exact, cases: unary(ops.hardtanh, -3, 3) },
  relu6: { ...exact, cases: unary(ops.relu6, -3, 9) },
  round: { ...exact, cases: unary(ops.round, -9, 9) },
  trunc: { ...exact, cases: unary(ops.trunc, -9, 9) },
  add: {
    ...summedGradient,
    cases: [
      ...numbers(ops.add),
      // Large enough that software adapters also process four neighbours at once.
      { name: 'large', inputs: [floats([129, 513]), floats([129, 513])], call: ([a, b]) => ops.add(a, b) },
      {
        name: 'large, broadcast',
        inputs: [floats([16, 33, 128]), floats([33, 1]), floats([128]), floats([16, 1, 1])],
        call: ([a, ...others]) => others.map(ops.detach).reduce((sum, x) => ops.add(sum, x), a),
        // In f16 the CPU rounds every sum, one fused kernel does not.
        dtypes: ['f32', 'i32', 'u32'],
      },
    ],
  },
  maximum: { ...summedGradient, cases: numbers(ops.maximum) },
  minimum: { ...summedGradient, cases: numbers(ops.minimum) },
  // f16: Gradients of broadcast inputs are sums of terms that the CPU rounds first. Measured 3.5.
  mul: { ...summedGradient, f16: [2, 7], cases: numbers(ops.mul) },
  sub: { ...summedGradient, cases: numbers(ops.sub) },
  where: {
    ...summedGradient,
    cases: [
      {
        name: 'broadcast',
        inputs: [booleans([5, 1, 17]), floats([3, 17]), floats([5, 3, 1])],
        call: ([condition, a, b]) => ops.where(condition, a, b),
        dtypes: ['f32', 'f16', 'i32', 'bool'],
      },
    ],
  },
  // WGSL: division within 2.5 ulp, which is 5 units. The gradient −g·a/b² rounds twice more. Measured 0 and 1.9.
  div: { ...rounded, gpu: [5, 7], f16: [2, 7], cases: numbers(ops.div, 0.5, 3) },
  // Like division; the gradient squares it. Measured 0.
  // f16: The CPU rounds the gradient two or three times. Measured 1.6 to 2.2.
  reciprocal: { ...rounded, gpu: [5, 12], f16: [2, 4], cases: unary(ops.reciprocal, 0.25, 4) },
  // WGSL: 1 / inverseSqrt, of 2.5 and 2 ulp. Measured 0.
  sqrt: { ...rounded, gpu: [9, 9], cases: unary(ops.sqrt, 0.25, 20) },
  // WGSL: 2 ulp. Measured 1.0 and 1.2.
  rsqrt: { ...rounded, gpu: [4, 4], cases: unary(ops.rsqrt, 0.25, 20) },
  // WGSL: 3 + 2·|x| ulp, and x goes up to 60. Measured 39.5.
  exp: { ...rounded, gpu: [128, 128], f16: [2, 3], cases: unary(ops.exp, -20, 5) },
  // WGSL: 2⁻²¹ (8 units) around 1, 3 ulp elsewhere. Measured 1.2; the gradient only divides.
  log: { ...rounded, gpu: [4, 5], cases: unary(ops.log, 0.01, 20) },
  // WGSL: 1e-5 (168 units), far more than needed. Measured 1.3 and 3.5.
  tanh: { ...rounded, gpu: [5, 12], cases: unary(ops.tanh, -6, 6) },
  // An exponential of a small number and a division. Measured 1.1 and 0.6.
  sigmoid: { ...rounded, gpu: [4, 2], cases: unary(ops.sigmoid, -15, 15) },
  // WGSL: as exp2(b · log2(a)). The exponent's gradient also has a logarithm. Measured 3.1 and 6.9.
  pow: {
    ...rounded,
    gpu: [12, 24],
    f16: [2, 4],
    cases: [
      {
        name: 'fractions',
        inputs: [floats([5, 67], 0.25, 3), floats([67], -2, 2)],
        call: ([a, b]) => ops.pow(a, b),
      },
    ],
  },
  // The approximation itself has errors of up to 7 units. Measured 1.5 and 1.1.
  erf: { ...rounded, gpu: [6, 4], cases: unary(ops.erf, -4, 4) },
  // Near 0 a series, else WGSL's log. Measured 1.1; the gradient only divides.
  log1p: { ...rounded, gpu: [4, 5], cases: unary(ops.log1p, -0.9, 20) },
  // Near 0 a series, else like exp. Measured 39.3.
  expm1: { ...rounded, gpu: [128, 128], f16: [2, 3], cases: unary(ops.expm1, -9, 3) },
  // Angles up to 3.4e38 are reduced exactly; then polynomials. Measured 0.7.
  sin: { ...rounded, gpu: [2.5, 2.5], cases: unary(ops.sin, -100, 100) },
  cos: { ...rounded, gpu: [2.5, 2.5], cases: unary(ops.cos, -100, 100) },
  // A product and a difference of small numbers. Measured 1.5; gradients of broadcast inputs are sums.
  remainder: {
    ...rounded,
    gpu: [2, 4],
    cases: binary(ops.remainder, 0.5, 3).map((one) => ({ ...one, dtypes: ['f32', 'i32', 'u32'] })),
  },
  // One product. Measured 0.2 on the CPU, whose slope is rounded to f32; the gradient of prelu's weight is a sum: 1.2.
  // f16: A product with an f32 slope: CPU and GPU may round it to different f16 neighbours. Measured 0.016.
  leakyRelu: { ...rounded, gpu: [0, 0], f16: [0, 0.06], cases: unary(ops.leakyRelu, -3, 3) },
  prelu: {
    ...rounded,
    gpu: [0, 4],
    cases: [
      { name: 'one', inputs: [floats([7, 3]), floats([1])], call: ([x, weight]) => ops.prelu(x, weight) },
      { name: 'channels', inputs: [floats([2, 33, 5]), floats([33])], call: ([x, weight]) => ops.prelu(x, weight) },
    ],
  },
  // Exponentials of negative numbers, and a division or logarithm. Measured 1.2 to 1.8 and 0.7 to 1.8.
  elu: { ...rounded, gpu: [5, 7], cases: unary(ops.elu, -6, 3) },
  selu: { ...rounded, gpu: [6, 4], cases: unary(ops.selu, -6, 3) },
  silu: { ...rounded, gpu: [4, 6], cases: unary(ops.silu, -9, 9) },
  softplus: { ...rounded, gpu: [4, 4], cases: unary(ops.softplus, -9, 9) },
  logsigmoid: { ...rounded, gpu: [6, 2.5], cases: unary(ops.logsigmoid, -20, 20) },
  glu: {
    ...rounded,
    gpu: [5, 6],
    cases: [
      { name: 'last', inputs: [floats([5, 66], -5, 5)], call: ([x]) => ops.glu(x) },
      { name: 'first', inputs: [floats([6, 33], -5, 5)], call: ([x]) => ops.glu(x, 0) },
    ],
  },
  // The error of erf or tanh times x; the gradient of the tanh form times up to 10. Measured 4.1 and 14.1.
  // f16: The CPU rounds each of several factors. Measured 2.2 and 2.1; products of up to 1100 factors 3.7.
  gelu: {
    ...rounded,
    gpu: [16, 48],
    f16: [2, 4],
    cases: [
      ...unary(ops.gelu, -5, 5),
      { name: 'tanh', inputs: [floats([3, 43], -5, 5)], call: ([x]) => ops.gelu(x, { approximate: 'tanh' }) },
    ],
  },
  // Measured 1.2 and 5.7: the gradient holds 1 - tanh² times x.
  mish: { ...rounded, gpu: [4, 20], f16: [2, 4], cases: unary(ops.mish, -9, 9) },
  // WGSL: division within 5 units. Measured 0.6 to 1.3 and up to 0.8.
  hardsigmoid: { ...rounded, gpu: [2.4, 5], cases: unary(ops.hardsigmoid, -5, 5) },
  hardswish: { ...rounded, gpu: [5, 5], cases: unary(ops.hardswish, -5, 5) },
  softsign: { ...rounded, gpu: [5, 12], cases: unary(ops.softsign, -5, 5) },
};
