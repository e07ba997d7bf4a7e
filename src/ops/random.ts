// Random numbers as elementwise functions of a counter: nothing is stored, so backward passes draw the same again.

import { threefry } from '../../shaders/lib/threefry.wgsl.ts';
import { applyOne } from '../core/op.ts';
import { threefry2x32, unitFloat } from '../core/random.ts';
import type { Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { currentTrace } from '../core/trace.ts';
import { mul } from './binary.ts';
import { lt } from './compare.ts';
import { pointwise } from './pointwise.ts';
import { where } from './where.ts';

export const uniformOp = pointwise<{ shape: Shape; stream: number }>({
  name: 'uniform',
  dtype: () => 'f32',
  shape: (_inputs, { shape }) => shape,
  wgsl: ([seed, run], { stream }) => `random_uniform(${seed}, ${run}, ${stream}u, index)`,
  cpu: ([seed, run], { stream }, index) => unitFloat(threefry2x32(seed, run, index >>> 1, stream)[index & 1]),
  helpers: threefry,
  vjp: () => [null, null],
});

/** Random numbers in [0, 1), new ones on every run of the program: the same bits on every device. */
export function uniform(shape: Shape): Tensor {
  const trace = currentTrace('uniform()');
  return applyOne(uniformOp, [trace.random.seed, trace.random.run], { shape, stream: trace.draws++ });
}

/** Sets each element to 0 with probability `p` and scales the others by 1 / (1 - p) (Srivastava et al., 2014). */
export function dropout(x: Tensor, p = 0.5): Tensor {
  if (!(p >= 0 && p < 1)) throw new Error(`dropout: p must be at least 0 and below 1, but is ${p}.`);
  return p === 0 ? x : where(lt(uniform(x.shape), p), 0, mul(x, 1 / (1 - p)));
}
