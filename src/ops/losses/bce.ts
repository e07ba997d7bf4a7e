// Binary cross-entropy of probabilities, with PyTorch's bounds at probabilities 0 and 1.

import { log1p } from '../../../shaders/lib/functions.wgsl.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, mul, sub } from '../elementwise/binary.ts';
import { clamp } from '../elementwise/clamp.ts';
import { lt } from '../elementwise/compare.ts';
import { alike, pointwise } from '../elementwise/pointwise.ts';
import { log, neg } from '../elementwise/unary.ts';
import { where } from '../elementwise/where.ts';

/** Below this, f32 has only subnormals: their logarithm is treated as that of 0, which is bounded to -100. */
const TINY = 2 ** -126;

const bounded = (log: number) => Math.max(log, -100);
/** The bounded logarithm as ops. */
const boundedLog = (x: Tensor): Tensor => {
  const tiny = lt(x, TINY);
  return where(tiny, -100, log(where(tiny, 1, x)));
};

/** Inputs: probability and target. */
export const bceOp = pointwise({
  name: 'bceLoss',
  dtype: alike('bceLoss', 'f32', 'f16'),
  wgsl: ([p, y]) =>
    `-(${y} * select(log(${p}), -100.0, ${p} < 0x1p-126f) + (1.0 - ${y}) * select(real_log1p(-${p}), -100.0, ${p} >= 1.0))`,
  cpu: ([p, y]) => -(y * bounded(p < TINY ? -Infinity : Math.log(p)) + (1 - y) * bounded(Math.log1p(-p))),
  helpers: log1p,
  vjp: (g, { inputs: [p, y] }) => [
    mul(g, div(sub(p, y), clamp(mul(sub(1, p), p), { min: 1e-12 }))),
    neg(mul(g, sub(boundedLog(p), boundedLog(sub(1, p))))),
  ],
  onnx: {
    as([p, y]) {
      const logs = mul(y, boundedLog(p));
      return neg(add(logs, mul(sub(1, y), boundedLog(sub(1, p)))));
    },
  },
});
