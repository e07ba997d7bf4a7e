// Elementwise comparisons: bool tensors, without gradient.

import type { Onnx, OnnxValue } from '../../core/onnx.ts';
import type { Tensor, TensorLike } from '../../core/tensor.ts';
import { comparing } from '../lib/onnx.ts';
import { alike, binaryFunction, pointwise } from './pointwise.ts';

function comparison(name: string, symbol: string, cpu: (a: number, b: number) => boolean, onnx: Onnx<object>) {
  const check = alike(name, 'f32', 'f16', 'i32', 'u32');
  return pointwise({
    name,
    dtype(inputs) {
      check(inputs);
      return 'bool';
    },
    wgsl: ([a, b]) => `${a} ${symbol} ${b}`,
    cpu: ([a, b]) => Number(cpu(a, b)),
    vjp: 'none',
    onnx,
  });
}

const eqOp = comparison('eq', '==', (a, b) => a === b, comparing('Equal'));
const neOp = comparison(
  'ne',
  '!=',
  (a, b) => a !== b,
  (graph, call) => graph.node('Not', [comparing('Equal')(graph, call) as OnnxValue]),
);
const ltOp = comparison('lt', '<', (a, b) => a < b, comparing('Less'));
const leOp = comparison('le', '<=', (a, b) => a <= b, comparing('LessOrEqual'));
const gtOp = comparison('gt', '>', (a, b) => a > b, comparing('Greater'));
const geOp = comparison('ge', '>=', (a, b) => a >= b, comparing('GreaterOrEqual'));

type Comparison = (a: TensorLike, b: TensorLike) => Tensor;
/** a = b. */
export const eq: Comparison = binaryFunction(eqOp);
/** a ≠ b. */
export const ne: Comparison = binaryFunction(neOp);
/** a < b. */
export const lt: Comparison = binaryFunction(ltOp);
/** a ≤ b. */
export const le: Comparison = binaryFunction(leOp);
/** a > b. */
export const gt: Comparison = binaryFunction(gtOp);
/** a ≥ b. */
export const ge: Comparison = binaryFunction(geOp);

export const compareOps = [eqOp, neOp, ltOp, leOp, gtOp, geOp];
