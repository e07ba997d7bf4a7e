// Random programs from a seed that update parameters, reading others before and after their updates.

import type { RandomSource } from '../../src/core/random.ts';
import { sizeOf, type Shape } from '../../src/core/shape.ts';
import { Parameter } from '../../src/core/parameter.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { assign, latest } from '../../src/core/trace.ts';
import {
  add, clamp, cumsum, expand, floor, matmul, maximum, mul, neg, reshape, sub, sum, transpose,
} from '../../src/ops/index.ts'; // prettier-ignore

const SHAPES: readonly Shape[] = [[4, 4], [4, 4], [4, 4], [4], [4], [16], [2, 8], [3], [1]]; // prettier-ignore

/** Every value is a multiple of this, so that nothing is rounded and results are equal on all devices. */
const GRAIN = 1 / 8;

/** Rounds down to a multiple of the grain, and clamps to -2 … 2. */
const tame = (x: Tensor): Tensor => clamp(mul(floor(mul(x, 1 / GRAIN)), GRAIN), { min: -2, max: 2 });

/** Parameters of a few shapes, so that some can exchange values. */
export const randomState = (draw: RandomSource, count: number): Parameter[] =>
  Array.from({ length: count }, (_, i) => {
    const shape = SHAPES[draw.integer(SHAPES.length)];
    const data = Float32Array.from({ length: sizeOf(shape) }, () => (draw.integer(17) - 8) * GRAIN);
    return new Parameter({ shape, dtype: 'f32', data }, { name: `p${i}` });
  });

/** Records updates of most of `state`; returns some tensors to compare. */
export function randomUpdates(draw: RandomSource, state: readonly Parameter[]): Tensor[] {
  const one = <T>(list: readonly T[]): T => list[draw.integer(list.length)];
  const seen: Tensor[] = [];
  /** A tensor of `shape` that depends on a random parameter's old or new value. */
  const some = (shape: Shape): Tensor => {
    const other = one(state);
    const source = draw.integer(3) === 0 ? latest(other) : other;
    if (source.size !== sizeOf(shape)) {
      const spread = expand(reshape(sum(source), shape.map(() => 1)), shape); // prettier-ignore
      return tame(mul(spread, one([0.25, 0.5, 1])));
    }
    const alike = reshape(source, shape);
    if (shape.length === 2 && shape[0] === shape[1] && draw.integer(2) === 0)
      return one([
        transpose(alike),
        tame(matmul(alike, alike)),
        cumsum(alike, 0),
        tame(matmul(alike, transpose(alike))),
      ]);
    return one([alike, neg(alike), tame(add(alike, sum(alike)))]);
  };
  const factor = tame(sum(one(state)));
  for (const p of state) {
    if (draw.integer(8) === 0 || latest(p) !== p) continue;
    const g = some(p.shape);
    if (draw.integer(6) === 0) seen.push(one([p, g, reshape(p, [p.size])]));
    switch (draw.integer(5)) {
      case 0:
        assign(p, tame(neg(g)));
        break;
      case 1: {
        const momentum = one(state.filter((other) => other.shape.join() === p.shape.join() && latest(other) === other));
        if (momentum !== p) assign(momentum, tame(add(mul(momentum, 0.5), mul(g, 0.25))));
        assign(p, tame(sub(mul(p, 0.5), mul(latest(momentum), factor))));
        break;
      }
      default:
        assign(p, tame(sub(mul(p, 0.75), mul(mul(g, factor), 0.25))));
    }
    if (draw.integer(6) === 0) seen.push(one([latest(p), maximum(latest(p), g)]));
  }
  return seen;
}
