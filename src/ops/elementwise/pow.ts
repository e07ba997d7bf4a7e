// a to the power of b.

import { binaryFunction, alike, pointwise } from './pointwise.ts';
import { mul, sub } from './binary.ts';
import { eq } from './compare.ts';
import { log } from './unary.ts';
import { where } from './where.ts';
import type { Tensor, TensorLike } from '../../core/tensor.ts';

export const powOp = pointwise({
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
    // Where b is 0, a^b does not depend on a, but 0^-1 would be infinite.
    mul(g, where(eq(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    // d/db a^b = a^b · log a, which is 0 at a = 0.
    mul(g, mul(y, log(where(eq(a, 0), 1, a)))),
  ],
  onnx: 'Pow',
});
/** a to the power of b. */
export const pow: (a: TensorLike, b: TensorLike) => Tensor = binaryFunction(powOp);
