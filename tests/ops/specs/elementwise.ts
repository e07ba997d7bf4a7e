// How elementwise ops are called, and what they refuse.

import type { DType, TensorData, TypedArray } from '../../../src/core/dtype.ts';
import { spec, type Tensor } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpCase } from '../../harness/fixtures.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { shaped, wrongTypes } from './wrong.ts';

const unary = (call: (x: Tensor) => Tensor): OpSpec => ({
  call: ([x]) => call(x),
  wrong: [wrongTypes('i32'), wrongTypes('bool')],
});

const binary = (call: (a: Tensor, b: Tensor) => Tensor): OpSpec => ({
  call: ([a, b]) => call(a, b),
  wrong: [
    { inputs: shaped([2, 3], [4]) },
    { inputs: shaped([2, 3, 4], [3, 3, 4]) },
    wrongTypes('f32', 'i32'),
    wrongTypes('bool', 'bool'),
  ],
});

const data = (dtype: DType, values: TypedArray): TensorData => ({ dtype, shape: [values.length], data: values });

/** A case of one input, whose values need no PyTorch. */
const plainCase = (name: string, input: TensorData, output: TensorData): OpCase => ({
  name,
  attrs: { dtype: output.dtype },
  inputs: [input],
  output,
  gradients: [],
});

const fractions = data('f32', Float32Array.of(-2.7, -0.5, -0, 0.5, 2.7, 3e9, -3e9, 1e10, Math.fround(123456789)));
const negative = data('i32', Int32Array.of(-1, 0, 7, -(2 ** 31)));
const large = data('u32', Uint32Array.of(2 ** 32 - 1, 0, 7, 2 ** 31));
const truth = data('bool', Uint32Array.of(1, 0, 1));

/** Past the ends of i32 and u32 stands the nearest number that f32 has too, as in WGSL. */
const casts: OpCase[] = [
  plainCase('f32ToI32', fractions, data('i32', Int32Array.of(-2, 0, 0, 0, 2, 2147483520, -(2 ** 31), 2147483520, 123456792))), // prettier-ignore
  plainCase('f32ToU32', fractions, data('u32', Uint32Array.of(0, 0, 0, 0, 2, 3e9, 0, 4294967040, 123456792))),
  plainCase('f32ToBool', fractions, data('bool', Uint32Array.of(1, 1, 0, 1, 1, 1, 1, 1, 1))),
  plainCase('i32ToF32', negative, data('f32', Float32Array.of(-1, 0, 7, -(2 ** 31)))),
  plainCase('i32ToU32', negative, data('u32', Uint32Array.of(2 ** 32 - 1, 0, 7, 2 ** 31))),
  plainCase('i32ToBool', negative, data('bool', Uint32Array.of(1, 0, 1, 1))),
  plainCase('u32ToF32', large, data('f32', Float32Array.of(2 ** 32, 0, 7, 2 ** 31))),
  plainCase('u32ToI32', large, data('i32', Int32Array.of(-1, 0, 7, -(2 ** 31)))),
  plainCase('u32ToBool', large, data('bool', Uint32Array.of(1, 0, 1, 1))),
  plainCase('boolToF32', truth, data('f32', Float32Array.of(1, 0, 1))),
  plainCase('boolToI32', truth, data('i32', Int32Array.of(1, 0, 1))),
  plainCase('boolToU32', truth, data('u32', Uint32Array.of(1, 0, 1))),
  plainCase('same', fractions, fractions),
];

export const elementwise: Record<string, OpSpec> = {
  abs: unary(ops.abs),
  exp: unary(ops.exp),
  log: unary(ops.log),
  neg: unary(ops.neg),
  reciprocal: unary(ops.reciprocal),
  relu: unary(ops.relu),
  rsqrt: unary(ops.rsqrt),
  sigmoid: unary(ops.sigmoid),
  sign: unary(ops.sign),
  sqrt: unary(ops.sqrt),
  square: unary(ops.square),
  tanh: unary(ops.tanh),
  ceil: unary(ops.ceil),
  cos: unary(ops.cos),
  erf: unary(ops.erf),
  expm1: unary(ops.expm1),
  floor: unary(ops.floor),
  log1p: unary(ops.log1p),
  round: unary(ops.round),
  sin: unary(ops.sin),
  trunc: unary(ops.trunc),
  add: binary(ops.add),
  div: binary(ops.div),
  maximum: binary(ops.maximum),
  minimum: binary(ops.minimum),
  mul: binary(ops.mul),
  pow: binary(ops.pow),
  remainder: binary(ops.remainder),
  sub: binary(ops.sub),
  eq: binary(ops.eq),
  ge: binary(ops.ge),
  gt: binary(ops.gt),
  le: binary(ops.le),
  lt: binary(ops.lt),
  ne: binary(ops.ne),
  where: {
    call: ([condition, a, b]) => ops.where(condition, a, b),
    wrong: [
      { inputs: [spec([2, 3], 'bool'), ...shaped([4], [1])] },
      wrongTypes('f32', 'f32', 'f32'),
      wrongTypes('bool', 'f32', 'i32'),
    ],
  },
  cast: {
    call: ([x], { dtype }: { dtype: DType }) => ops.cast(x, dtype),
    cases: casts,
    wrong: 'nothing',
  },
  detach: {
    call: ([x]) => ops.detach(x),
    cases: [fractions, negative, truth].map((input) => plainCase(input.dtype, input, input)),
    wrong: 'nothing',
  },
};
