// The remainder of a division, with the sign of the divisor.

import { isFloat } from '../../core/dtype.ts';
import type { Tensor, TensorLike } from '../../core/tensor.ts';
import { inHeldType, nest } from '../lib/onnx.ts';
import { div, mul } from './binary.ts';
import { alike, binaryFunction, pointwise } from './pointwise.ts';
import { floor, neg } from './unary.ts';

export const remainderOp = pointwise({
  name: 'remainder',
  dtype: alike('remainder', 'f32', 'f16', 'i32', 'u32'),
  wgsl: ([a, b], _attrs, [dtype]) =>
    dtype === 'u32' ? `${a} % ${b}` : `${dtype === 'i32' ? 'i32' : 'f32'}_remainder(${a}, ${b})`,
  cpu([a, b]) {
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
  },
  // A quotient rounded to or past an integer gives a remainder on the wrong side of 0 or b.
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
/** The remainder of a / b, with the sign of b. */
export const remainder: (a: TensorLike, b: TensorLike) => Tensor = binaryFunction(remainderOp);
