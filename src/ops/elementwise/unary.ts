// Elementwise functions of one tensor: WGSL, CPU and derivative side by side.

import * as functions from '../../../shaders/lib/functions.wgsl.ts';
import { erfOf, roundToEven } from '../../core/functions.ts';
import type { Onnx } from '../../core/onnx.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, mul, sub } from './binary.ts';
import { gt } from './compare.ts';
import { nested } from '../lib/onnx.ts';
import { alike, pointwise, unaryFunction } from './pointwise.ts';
import { where } from './where.ts';

/** The derivative of a function of x, given the gradient of its output, x and the output y. */
type Derivative = (g: Tensor, x: Tensor, y: Tensor) => Tensor;

function unary(
  name: string,
  wgsl: (x: string) => string,
  cpu: (x: number) => number,
  derivative: Derivative,
  onnx: Onnx<object>,
  helpers?: string,
) {
  return pointwise({
    name,
    dtype: alike(name, 'f32', 'f16'),
    wgsl: ([x]) => wgsl(x),
    cpu: ([x]) => cpu(x),
    helpers,
    vjp: (g, { inputs: [x], outputs: [y] }) => [derivative(g, x, y)],
    onnx,
  });
}

const zero: Derivative = (g) => mul(g, 0);
/** log(2/√π): added to an exponent, which rounds less than a factor. */
const LOG_OF_ERF_SLOPE = 0.12078223763524522;
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

// prettier-ignore
const ops = {
  neg: unary('neg', (x) => `-${x}`, (x) => -x, (g) => neg(g), 'Neg'),
  exp: unary('exp', (x) => `exp(${x})`, Math.exp, (g, _x, y) => mul(g, y), 'Exp'),
  log: unary('log', (x) => `log(${x})`, Math.log, (g, x) => div(g, x), 'Log'),
  sqrt: unary('sqrt', (x) => `sqrt(${x})`, Math.sqrt, (g, _x, y) => div(mul(g, 0.5), y), 'Sqrt'),
  rsqrt: unary('rsqrt', (x) => `inverseSqrt(${x})`, (x) => 1 / Math.sqrt(x), (g, x, y) => mul(g, div(mul(y, -0.5), x)), nested(([x]) => ['Reciprocal', ['Sqrt', x]])),
  reciprocal: unary('reciprocal', (x) => `1.0 / ${x}`, (x) => 1 / x, (g, _x, y) => neg(mul(g, square(y))), 'Reciprocal'),
  square: unary('square', (x) => `${x} * ${x}`, (x) => x * x, (g, x) => mul(g, mul(x, 2)), nested(([x]) => ['Mul', x, x])),
  abs: unary('abs', (x) => `abs(${x})`, Math.abs, (g, x) => mul(g, sign(x)), 'Abs'),
  sign: unary('sign', (x) => `sign(${x})`, Math.sign, zero, 'Sign'),
  // Past 9 tanh is 1 in f32, and past 88 some drivers return NaN.
  tanh: unary('tanh', (x) => `tanh(clamp(${x}, -15.0, 15.0))`, Math.tanh, (g, _x, y) => mul(g, sub(1, square(y))), 'Tanh'),
  sigmoid: unary('sigmoid', (x) => `1.0 / (1.0 + exp(-clamp(${x}, -87.0, 87.0)))`, logistic, (g, _x, y) => mul(g, mul(y, sub(1, y))), 'Sigmoid'),
  // y > 0 exactly when x > 0, so backward needs only y.
  relu: unary('relu', (x) => `max(${x}, 0.0)`, (x) => Math.max(x, 0), (g, _x, y) => where(gt(y, 0), g, 0), 'Relu'),
  floor: unary('floor', (x) => `floor(${x})`, Math.floor, zero, 'Floor'),
  ceil: unary('ceil', (x) => `ceil(${x})`, Math.ceil, zero, 'Ceil'),
  trunc: unary('trunc', (x) => `trunc(${x})`, Math.trunc, zero, nested(([x]) => ['Mul', ['Sign', x], ['Floor', ['Abs', x]]])),
  round: unary('round', (x) => `round(${x})`, roundToEven, zero, 'Round'),
  erf: unary('erf', (x) => `real_erf(${x})`, erfOf, (g, x) => mul(g, exp(sub(LOG_OF_ERF_SLOPE, square(x)))), 'Erf', functions.erf),
  log1p: unary('log1p', (x) => `real_log1p(${x})`, Math.log1p, (g, x) => div(g, add(x, 1)), nested(([x]) => ['Log', ['Add', x, 1]]), functions.log1p),
  expm1: unary('expm1', (x) => `real_expm1(${x})`, Math.expm1, (g, _x, y) => mul(g, add(y, 1)), nested(([x]) => ['Sub', ['Exp', x], 1]), functions.expm1),
  sin: unary('sin', (x) => `real_sin_cos(${x}, 0u)`, Math.sin, (g, x) => mul(g, cos(x)), 'Sin', functions.sinCos),
  cos: unary('cos', (x) => `real_sin_cos(${x}, 1u)`, Math.cos, (g, x) => neg(mul(g, sin(x))), 'Cos', functions.sinCos),
};

/** -x. */
export const neg = unaryFunction(ops.neg);
/** e to the power of x. */
export const exp = unaryFunction(ops.exp);
/** Natural logarithm. */
export const log = unaryFunction(ops.log);
/** Square root. */
export const sqrt = unaryFunction(ops.sqrt);
/** 1 / √x. */
export const rsqrt = unaryFunction(ops.rsqrt);
/** 1 / x. */
export const reciprocal = unaryFunction(ops.reciprocal);
/** x². */
export const square = unaryFunction(ops.square);
/** |x|. */
export const abs = unaryFunction(ops.abs);
/** -1, 0 or 1. */
export const sign = unaryFunction(ops.sign);
/** Hyperbolic tangent. */
export const tanh = unaryFunction(ops.tanh);
/** 1 / (1 + e^-x). */
export const sigmoid = unaryFunction(ops.sigmoid);
/** max(x, 0). */
export const relu = unaryFunction(ops.relu);
/** The largest integer not above x. */
export const floor = unaryFunction(ops.floor);
/** The smallest integer not below x. */
export const ceil = unaryFunction(ops.ceil);
/** x without its fraction. */
export const trunc = unaryFunction(ops.trunc);
/** The nearest integer, ties to even. */
export const round = unaryFunction(ops.round);
/** The error function, 2/√π times the integral of e^-t² from 0 to x. */
export const erf = unaryFunction(ops.erf);
/** log(1 + x), exact near 0. */
export const log1p = unaryFunction(ops.log1p);
/** e^x - 1, exact near 0. */
export const expm1 = unaryFunction(ops.expm1);
/** Sine of an angle in radians, of any size. */
export const sin = unaryFunction(ops.sin);
/** Cosine of an angle in radians, of any size. */
export const cos = unaryFunction(ops.cos);

export const unaryOps = Object.values(ops);
