// Elementwise arithmetic on two tensors, with NumPy broadcasting.

import type { Tensor, TensorLike } from '../../core/tensor.ts';
import { alike, binaryFunction, pointwise } from './pointwise.ts';
import { eq, gt, lt } from './compare.ts';
import { oneNode, wrapping } from '../lib/onnx.ts';
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
  vjp: (g) => [g, mul(g, -1)],
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
/** a · b, elementwise. */
export const mul: Binary = binaryFunction(mulOp);

const divOp = pointwise({
  name: 'div',
  dtype: alike('div', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `${a} / ${b}`,
  cpu: ([a, b]) => a / b,
  vjp: (g, { inputs: [a, b] }) => [div(g, b), mul(div(mul(g, a), mul(b, b)), -1)],
  onnx: oneNode('Div'),
});
/** a / b; integers truncate towards zero. */
export const div: Binary = binaryFunction(divOp);

const maximumOp = pointwise({
  name: 'maximum',
  dtype: alike('maximum', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `max(${a}, ${b})`,
  cpu: ([a, b]) => Math.max(a, b),
  vjp: (g, { inputs: [a, b] }) => [share(g, gt(a, b), eq(a, b)), share(g, lt(a, b), eq(a, b))],
  onnx: oneNode('Max'),
});
/** The larger of a and b; equal values each get half of the gradient, as in PyTorch. */
export const maximum: Binary = binaryFunction(maximumOp);

const minimumOp = pointwise({
  name: 'minimum',
  dtype: alike('minimum', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b]) => `min(${a}, ${b})`,
  cpu: ([a, b]) => Math.min(a, b),
  vjp: (g, { inputs: [a, b] }) => [share(g, lt(a, b), eq(a, b)), share(g, gt(a, b), eq(a, b))],
  onnx: oneNode('Min'),
});
/** The smaller of a and b; equal values each get half of the gradient, as in PyTorch. */
export const minimum: Binary = binaryFunction(minimumOp);

const share = (g: Tensor, wins: Tensor, ties: Tensor): Tensor => where(wins, g, where(ties, mul(g, 0.5), 0));

export const binaryOps = [addOp, subOp, mulOp, divOp, maximumOp, minimumOp];
