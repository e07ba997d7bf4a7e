// Elementwise functions of one tensor: WGSL, CPU and derivative side by side.

import type { Tensor } from '../core/tensor.ts';
import { div, mul, sub } from './binary.ts';
import { gt } from './compare.ts';
import { alike, pointwise, unaryFunction } from './pointwise.ts';
import { where } from './where.ts';

/** The derivative of a function of x, given the gradient of its output, x and the output y. */
type Derivative = (g: Tensor, x: Tensor, y: Tensor) => Tensor;

function unary(name: string, wgsl: (x: string) => string, cpu: (x: number) => number, derivative: Derivative) {
  return pointwise({
    name,
    dtype: alike(name, 'f32', 'f16'),
    wgsl: ([x]) => wgsl(x),
    cpu: ([x]) => cpu(x),
    vjp: (g, { inputs: [x], outputs: [y] }) => [derivative(g, x, y)],
  });
}

const zero: Derivative = (g) => mul(g, 0);
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

// prettier-ignore
const ops = {
  neg: unary('neg', (x) => `-${x}`, (x) => -x, (g) => neg(g)),
  exp: unary('exp', (x) => `exp(${x})`, Math.exp, (g, _x, y) => mul(g, y)),
  log: unary('log', (x) => `log(${x})`, Math.log, (g, x) => div(g, x)),
  sqrt: unary('sqrt', (x) => `sqrt(${x})`, Math.sqrt, (g, _x, y) => div(mul(g, 0.5), y)),
  rsqrt: unary('rsqrt', (x) => `inverseSqrt(${x})`, (x) => 1 / Math.sqrt(x), (g, x, y) => mul(g, div(mul(y, -0.5), x))),
  reciprocal: unary('reciprocal', (x) => `1.0 / ${x}`, (x) => 1 / x, (g, _x, y) => neg(mul(g, square(y)))),
  square: unary('square', (x) => `${x} * ${x}`, (x) => x * x, (g, x) => mul(g, mul(x, 2))),
  abs: unary('abs', (x) => `abs(${x})`, Math.abs, (g, x) => mul(g, sign(x))),
  sign: unary('sign', (x) => `sign(${x})`, Math.sign, zero),
  // Past 9 tanh is 1 in f32, and past 88 some drivers answer NaN.
  tanh: unary('tanh', (x) => `tanh(clamp(${x}, -15.0, 15.0))`, Math.tanh, (g, _x, y) => mul(g, sub(1, square(y)))),
  sigmoid: unary('sigmoid', (x) => `1.0 / (1.0 + exp(-clamp(${x}, -87.0, 87.0)))`, logistic, (g, _x, y) => mul(g, mul(y, sub(1, y)))),
  relu: unary('relu', (x) => `max(${x}, 0.0)`, (x) => Math.max(x, 0), (g, x) => where(gt(x, 0), g, 0)),
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

export const unaryOps = Object.values(ops);
