// Elementwise arithmetic on two tensors, with NumPy broadcasting.

import { isFloat } from '../../core/dtype.ts';
import type { Tensor, TensorLike } from '../../core/tensor.ts';
import { alike, binaryFunction, pointwise } from './pointwise.ts';
import { eq, gt, lt } from './compare.ts';
import { floor, log, neg, square } from './unary.ts';
import { inHeldType, nest, oneNode, wrapping } from '../lib/onnx.ts';
import { where } from './where.ts';

type Binary = (a: TensorLike, b: TensorLike) => Tensor;

export const addOp = pointwise({
  name: 'add',
  dtype: alike('add', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `${a} + ${b}`,
  cpu: ([a, b]) => a + b,
  vjp: (g) => [g, g],
  onnx: wrapping('Add'),
});
/** a + b. */
export const add: Binary = binaryFunction(addOp);

const subOp = pointwise({
  name: 'sub',
  dtype: alike('sub', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `${a} - ${b}`,
  cpu: ([a, b]) => a - b,
  vjp: (g) => [g, neg(g)],
  onnx: wrapping('Sub'),
});
/** a - b. */
export const sub: Binary = binaryFunction(subOp);

const mulOp = pointwise({
  name: 'mul',
  dtype: alike('mul', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `${a} * ${b}`,
  cpu: ([a, b]) => a * b,
  vjp: (g, { inputs: [a, b] }) => [mul(g, b), mul(g, a)],
  onnx: wrapping('Mul'),
});
/** a · b, element by element. */
export const mul: Binary = binaryFunction(mulOp);

const divOp = pointwise({
  name: 'div',
  dtype: alike('div', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `${a} / ${b}`,
  cpu: ([a, b]) => a / b,
  vjp: (g, { inputs: [a, b] }) => [div(g, b), neg(div(mul(g, a), square(b)))],
  onnx: oneNode('Div'),
});
/** a / b; whole numbers are cut towards zero. */
export const div: Binary = binaryFunction(divOp);

const maximumOp = pointwise({
  name: 'maximum',
  dtype: alike('maximum', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `max(${a}, ${b})`,
  cpu: ([a, b]) => Math.max(a, b),
  vjp: (g, { inputs: [a, b] }) => [share(g, gt(a, b), eq(a, b)), share(g, lt(a, b), eq(a, b))],
  onnx: oneNode('Max'),
});
/** The larger of a and b; where they are equal each gets half of the gradient, as in PyTorch. */
export const maximum: Binary = binaryFunction(maximumOp);

const minimumOp = pointwise({
  name: 'minimum',
  dtype: alike('minimum', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `min(${a}, ${b})`,
  cpu: ([a, b]) => Math.min(a, b),
  vjp: (g, { inputs: [a, b] }) => [share(g, lt(a, b), eq(a, b)), share(g, gt(a, b), eq(a, b))],
  onnx: oneNode('Min'),
});
/** The smaller of a and b; where they are equal each gets half of the gradient, as in PyTorch. */
export const minimum: Binary = binaryFunction(minimumOp);

const share = (g: Tensor, wins: Tensor, ties: Tensor): Tensor => where(wins, g, where(ties, mul(g, 0.5), 0));

const powOp = pointwise({
  name: 'pow',
  dtype: alike('pow', 'f32', 'f16'),
  wgsl: ([a, b]) => `real_pow(${a}, ${b})`,
  cpu: ([a, b]) => Math.pow(a, b),
  // WGSL's pow is undefined for a negative base.
  helpers: /* wgsl */ `
fn real_pow(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return 1.0; }
  let size = pow(abs(a), b);
  return select(size, -size, a < 0.0 && abs(b) % 2.0 == 1.0);
}`,
  vjp: (g, { inputs: [a, b], outputs: [y] }) => [
    // Where b is 0 the power does not depend on a, but 0^-1 would be infinite.
    mul(g, where(eq(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    // d/db a^b = a^b · log a, which is 0 at a = 0.
    mul(g, mul(y, log(where(eq(a, 0), 1, a)))),
  ],
  onnx: 'Pow',
});
/** a to the power of b. */
export const pow: Binary = binaryFunction(powOp);

const remainderOp = pointwise({
  name: 'remainder',
  dtype: alike('remainder', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b], _attrs, [dtype]) =>
    dtype === 'u32' ? `${a} % ${b}` : `${dtype === 'i32' ? 'i32' : 'f32'}_remainder(${a}, ${b})`,
  cpu([a, b]) {
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
  },
  // A quotient just off a whole number leaves a rest on the wrong side of 0 or b.
  helpers: /* wgsl */ `
fn i32_remainder(a: i32, b: i32) -> i32 {
  let rest = a % b;
  return select(rest, rest + b, rest != 0 && (rest < 0) != (b < 0));
}
fn f32_remainder(a: f32, b: f32) -> f32 {
  var rest = a - b * floor(a / b);
  if (abs(rest) >= abs(b)) { rest -= b; }
  return select(rest, rest + b, rest != 0.0 && (rest < 0.0) != (b < 0.0));
}`,
  vjp: (g, { inputs: [a, b] }) => [g, neg(mul(g, floor(div(a, b))))],
  onnx: inHeldType((graph, [a, b], { tensors: [{ dtype }] }) => {
    if (!isFloat(dtype)) return graph.node('Mod', [a, b]);
    const rest = graph.node('Mod', [a, b], { fmod: 1 });
    const isBeside = nest(graph, ['Less', ['Mul', ['Sign', rest], ['Sign', b]], 0]);
    return graph.node('Where', [isBeside, graph.node('Add', [rest, b]), rest]);
  }),
});
/** What is left of a after whole multiples of b, with the sign of b. */
export const remainder: Binary = binaryFunction(remainderOp);

export const binaryOps = [addOp, subOp, mulOp, divOp, maximumOp, minimumOp, powOp, remainderOp];
