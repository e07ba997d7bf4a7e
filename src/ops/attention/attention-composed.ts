// Scaled dot-product attention composed of other ops, with derivatives of any order and an ONNX form.

import { sizeOf } from '../../core/shape.ts';
import { Constant, type Tensor } from '../../core/tensor.ts';
import { add, mul } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { gt, le } from '../elementwise/compare.ts';
import { where } from '../elementwise/where.ts';
import { matmul } from '../matmul/matmul.ts';
import { reshape } from '../movement/reshape.ts';
import { dropout } from '../random/random.ts';
import { softmax } from '../reductions/softmax.ts';

/** The options of scaledDotProductAttention that the composition reads. */
interface ComposedOptions {
  readonly isCausal?: boolean;
  readonly dropoutP?: number;
  readonly scale?: number;
  readonly length?: Tensor;
}

/** 0, 1 … as an i32 constant of the given shape. */
const counting = (shape: readonly number[]): Tensor =>
  new Constant(
    shape,
    'i32',
    Int32Array.from({ length: sizeOf(shape) }, (_, i) => i),
  );

/** Attention composed of ordinary ops, in f32: q [B, H, T, D], k [B, Hkv, S, D], v [B, Hkv, S, Dv] → [B, H, T, Dv]. */
export function composedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor | undefined,
  options: ComposedOptions,
): Tensor {
  const [batch, heads, rows, depth] = q.shape;
  const [, keyHeads, keys] = k.shape;
  // Heads of q that share a head of k and v get an axis of their own.
  const grouped = (x: Tensor, count: number) =>
    heads === keyHeads ? x : reshape(x, [batch, keyHeads, count, ...x.shape.slice(-2)]);
  const conditions: Tensor[] = [];
  const length = options.length && reshape(cast(options.length, 'i32'), []);
  if (options.isCausal) {
    const reach = length ? add(counting([rows, 1]), add(length, -rows)) : counting([rows, 1]);
    conditions.push(le(counting([keys]), reach)); // [T, S]
  }
  if (length) conditions.push(gt(length, counting([keys])));
  const product = matmul(grouped(q, heads / keyHeads), grouped(k, 1), { transposeB: true });
  let scores = mul(reshape(product, [batch, heads, rows, keys]), options.scale ?? 1 / Math.sqrt(depth));
  if (mask?.dtype === 'bool') conditions.push(mask);
  else if (mask) {
    conditions.push(gt(cast(mask, 'f32'), -3e38));
    scores = add(scores, cast(mask, 'f32'));
  }
  const excluding = (x: Tensor, value: number) => conditions.reduce((y, condition) => where(condition, y, value), x);
  // A row with all keys excluded would give them equal weights.
  const weights = dropout(excluding(softmax(excluding(scores, -1e30)), 0), options.dropoutP ?? 0);
  const result = matmul(grouped(weights, heads / keyHeads), grouped(v, 1));
  return reshape(result, [batch, heads, rows, v.shape[3]]);
}
