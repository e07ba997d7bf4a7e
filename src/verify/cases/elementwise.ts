// Elementwise ops: broadcasting, sizes around a workgroup, values over the whole range that makes sense.

import { type Tensor, type TensorLike } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { booleans, floats, type CaseTable, type VerifyCase } from '../case.ts';

/** One function of one tensor, from `low` to `high`. */
export const unary = (call: (x: Tensor) => Tensor, low: number, high: number): VerifyCase[] => [
  { name: 'odd', inputs: [floats([3, 129], low, high)], call: ([x]) => call(x) },
  { name: 'one', inputs: [floats([1], low, high)], call: ([x]) => call(x) },
];

type Binary = (a: TensorLike, b: TensorLike) => Tensor;

/** One function of two tensors that broadcast; the second is from `low` to `high`. */
export const binary = (call: Binary, low = -2, high = 2): VerifyCase[] => [
  { name: 'equal', inputs: [floats([5, 67]), floats([5, 67], low, high)], call: ([a, b]) => call(a, b) },
  { name: 'row', inputs: [floats([7, 33]), floats([33], low, high)], call: ([a, b]) => call(a, b) },
  { name: 'column', inputs: [floats([9, 1]), floats([2, 1, 17], low, high)], call: ([a, b]) => call(a, b) },
];

/** The same for whole numbers too. */
const numbers = (call: Binary, low?: number, high?: number): VerifyCase[] =>
  binary(call, low, high).map((one) => ({ ...one, dtypes: ['f32', 'f16', 'i32', 'u32'] }));

const comparison = (call: Binary): VerifyCase[] => [
  ...numbers(call),
  // Random numbers are hardly ever equal; signs often are.
  { name: 'ties', inputs: [floats([129]), floats([129])], call: ([a, b]) => call(ops.sign(a), ops.sign(b)) },
];

export const elementwise: CaseTable = {
  abs: unary(ops.abs, -3, 3),
  ceil: unary(ops.ceil, -9, 9),
  cos: unary(ops.cos, -100, 100),
  erf: unary(ops.erf, -4, 4),
  exp: unary(ops.exp, -20, 5),
  expm1: unary(ops.expm1, -9, 3),
  floor: unary(ops.floor, -9, 9),
  log: unary(ops.log, 0.01, 20),
  log1p: unary(ops.log1p, -0.9, 20),
  neg: unary(ops.neg, -3, 3),
  reciprocal: unary(ops.reciprocal, 0.25, 4),
  relu: unary(ops.relu, -3, 3),
  round: unary(ops.round, -9, 9),
  rsqrt: unary(ops.rsqrt, 0.25, 20),
  sigmoid: unary(ops.sigmoid, -15, 15),
  sign: unary(ops.sign, -3, 3),
  sin: unary(ops.sin, -100, 100),
  sqrt: unary(ops.sqrt, 0.25, 20),
  square: unary(ops.square, -3, 3),
  tanh: unary(ops.tanh, -6, 6),
  trunc: unary(ops.trunc, -9, 9),

  add: [
    ...numbers(ops.add),
    // So large that software adapters take four neighbours at once, too.
    { name: 'large', inputs: [floats([129, 513]), floats([129, 513])], call: ([a, b]) => ops.add(a, b) },
    {
      name: 'large, broadcast',
      inputs: [floats([16, 33, 128]), floats([33, 1]), floats([128]), floats([16, 1, 1])],
      call: ([a, ...others]) => others.map(ops.detach).reduce((sum, x) => ops.add(sum, x), a),
      // In f16 each sum would be rounded, but not in one kernel.
      dtypes: ['f32', 'i32', 'u32'],
    },
  ],
  div: numbers(ops.div, 0.5, 3),
  maximum: numbers(ops.maximum),
  minimum: numbers(ops.minimum),
  mul: numbers(ops.mul),
  pow: [
    {
      name: 'fractions',
      inputs: [floats([5, 67], 0.25, 3), floats([67], -2, 2)],
      call: ([a, b]) => ops.pow(a, b),
    },
  ],
  remainder: binary(ops.remainder, 0.5, 3).map((one) => ({ ...one, dtypes: ['f32', 'i32', 'u32'] })),
  sub: numbers(ops.sub),

  eq: comparison(ops.eq),
  ge: comparison(ops.ge),
  gt: comparison(ops.gt),
  le: comparison(ops.le),
  lt: comparison(ops.lt),
  ne: comparison(ops.ne),

  where: [
    {
      name: 'broadcast',
      inputs: [booleans([5, 1, 17]), floats([3, 17]), floats([5, 3, 1])],
      call: ([condition, a, b]) => ops.where(condition, a, b),
      dtypes: ['f32', 'f16', 'i32', 'bool'],
    },
  ],
  cast: (['f32', 'i32', 'u32', 'bool'] as const).map((to) => ({
    name: `to ${to}`,
    inputs: [floats([129], -9, 9)],
    call: ([x]) => ops.cast(x, to),
    dtypes: ['f32', 'f16', 'i32', 'u32', 'bool'],
  })),
  detach: [{ name: 'odd', inputs: [floats([3, 43])], call: ([x]) => ops.detach(x) }],
};
