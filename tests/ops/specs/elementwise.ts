// Specs of elementwise ops and activations: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import type { DType, TensorData, TypedArray } from '../../../src/core/dtype.ts';
import { spec, type Tensor } from '../../../src/core/tensor.ts';
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

/** A case with one input and known values. */
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

/** Values outside of i32 and u32 saturate to the nearest one that f32 also represents, as in WGSL. */
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

/** `call` gets a case's attributes from the fixture. */
const activation = <A>(call: (x: Tensor, attrs: A) => Tensor): OpSpec => ({
  call: ([x], attrs: A) => call(x, attrs),
  // Some are compositions, so errors name other ops.
  wrong: [wrongTypes('i32'), wrongTypes('bool')],
});

const triangle = (call: typeof ops.tril): OpSpec => ({
  call: ([x], { diagonal }: { diagonal?: number }) => call(x, diagonal),
  wrong: [{ inputs: [spec([3])] }, { inputs: [spec([3, 3])], attrs: { diagonal: 0.5 }, says: ['0.5'] }],
});

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
  leakyRelu: activation<{ negativeSlope?: number }>((x, { negativeSlope }) => ops.leakyRelu(x, negativeSlope)),
  elu: activation<{ alpha?: number }>((x, { alpha }) => ops.elu(x, alpha)),
  selu: activation(ops.selu),
  silu: activation(ops.silu),
  gelu: activation<{ approximate?: 'none' | 'tanh' }>(ops.gelu),
  softplus: activation<{ beta?: number; threshold?: number }>(ops.softplus),
  logsigmoid: activation(ops.logsigmoid),
  hardtanh: activation<{ min?: number; max?: number }>(ops.hardtanh),
  relu6: activation(ops.relu6),
  hardsigmoid: activation(ops.hardsigmoid),
  hardswish: activation(ops.hardswish),
  mish: activation(ops.mish),
  softsign: activation(ops.softsign),
  clamp: {
    call: ([x], bounds: { min?: number; max?: number }) => ops.clamp(x, bounds),
    wrong: [
      { ...wrongTypes('bool'), attrs: { min: 0 } },
      { inputs: shaped([2]), says: ['min or max'] },
    ],
  },
  prelu: {
    call: ([x, weight]) => ops.prelu(x, weight),
    wrong: [{ inputs: shaped([2, 3], [2]) }, { inputs: shaped([3], [3]) }, { inputs: shaped([2, 3], [3, 1]) }],
  },
  glu: {
    call: ([x], { axis }: { axis: number }) => ops.glu(x, axis),
    wrong: [{ inputs: shaped([2, 3]), attrs: { axis: 1 } }, { inputs: shaped([2]), attrs: { axis: 1 }, says: ['axis 1', '1 axes'] }], // prettier-ignore
  },
  tril: triangle(ops.tril),
  triu: triangle(ops.triu),
  maskedFill: {
    call: ([x, mask], { value }: { value: number }) => ops.maskedFill(x, mask, value),
    wrong: [{ inputs: [spec([2]), spec([2])], attrs: { value: 0 }, says: ['mask', 'f32'] }],
  },
  arange: {
    call: (_, { end, ...options }: { end: number } & ops.RangeOptions) => ops.arange(end, options),
    wrong: [
      { inputs: [], attrs: { end: 5, step: -1 }, says: ['5', '-1'] },
      { inputs: [], attrs: { end: 1, step: 0.5, dtype: 'i32' }, says: ['i32', 'steps of 0.5', 'use f32'] },
    ],
  },
  linspace: {
    call: (_, { start, end, count }: { start: number; end: number; count: number }) => ops.linspace(start, end, count),
    wrong: [{ inputs: [], attrs: { start: 0, end: 1, count: -1 }, says: ['count', '-1'] }],
  },
  eye: {
    call: (_, { rows, columns }: { rows: number; columns: number }) => ops.eye(rows, columns),
    wrong: [{ inputs: [], attrs: { rows: -1, columns: 2 }, says: ['-1'] }],
  },
};
