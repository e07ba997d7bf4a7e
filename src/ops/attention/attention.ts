// Scaled dot-product attention: with a flash kernel, or composed of other ops, with derivatives of any order.

import { apply, expectDType } from '../../core/op.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { currentTrace } from '../../core/trace.ts';
import { composedAttention } from './attention-composed.ts';
import { attentionOp } from './attention-records.ts';
import { add } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { concat } from '../movement/concat.ts';
import { expand } from '../movement/expand.ts';
import { reshape } from '../movement/reshape.ts';
import { where } from '../elementwise/where.ts';

export interface AttentionOptions {
  /**
   * Broadcastable to [..., H, T, S]. bool: true where a key takes part. f32 or f16: added to the scores; values below
   * -3e38, such as -Infinity, exclude a key.
   */
  readonly mask?: Tensor | null;
  /** Added to the scores besides the mask; broadcastable to [..., H, T, S]. */
  readonly bias?: Tensor | null;
  /** Row i sees keys 0 … i. Unlike in PyTorch, a mask may be given too. */
  readonly isCausal?: boolean;
  /** Sets each weight to 0 with this probability and scales the others by 1 / (1 - p). */
  readonly dropoutP?: number;
  /** Factor of q · k; 1 / √D by default. */
  readonly scale?: number;
  /** Allows fewer heads in k and v than in q: each serves H / Hkv neighbours of q. */
  readonly enableGqa?: boolean;
  /**
   * Number of valid keys among the S: a single i32 or u32, such as a Scalar, for decoding with a cache. Later keys take no
   * part and are not read. The rows of q are then the last T of `length` positions: with `isCausal`, row i sees keys
   * 0 … length - T + i.
   */
  readonly length?: Tensor;
  /** False computes with matmul and softmax, with the T × S weights in memory: needed for second derivatives. */
  readonly flash?: boolean;
}

/** Stands for -Infinity, which WGSL does not guarantee. */
const LOWEST = -3.4028234663852886e38;
const WHO = 'scaledDotProductAttention';

/** `x` [..., R, C] as [B, H, R, C]. */
function withHeads(x: Tensor): Tensor {
  const lead = x.shape.slice(0, -2);
  return reshape(x, [sizeOf(lead.slice(0, -1)), lead.at(-1) ?? 1, ...x.shape.slice(-2)]);
}

/** A mask for scores of shape [..., T, S], reshaped to four axes, each 1 or as long as that of the scores. */
function maskWithHeads(mask: Tensor, scores: readonly number[]): Tensor {
  const shape = [...new Array<number>(Math.max(0, scores.length - mask.shape.length)).fill(1), ...mask.shape];
  if (shape.length > scores.length || shape.some((dim, axis) => dim !== 1 && dim !== scores[axis])) {
    throw new Error(`${WHO}: mask or bias ${formatShape(mask.shape)} does not broadcast to ${formatShape(scores)}.`);
  }
  const [outer, whole] = [shape.slice(0, -3), scores.slice(0, -3)];
  const even = sizeOf(outer) === 1 || sameShape(outer, whole);
  return withHeads(reshape(even ? mask : expand(mask, [...whole, ...shape.slice(-3)]), even ? shape : [...whole, ...shape.slice(-3)])); // prettier-ignore
}

/** Checks shapes and types, and returns the shape of the scores. */
function check(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { enableGqa = false, dropoutP = 0, length }: AttentionOptions,
): number[] {
  const shapes = `q ${formatShape(q.shape)}, k ${formatShape(k.shape)}, v ${formatShape(v.shape)}`;
  for (const [name, x] of Object.entries({ q, k, v })) expectDType(WHO, name, x, 'f32', 'f16');
  if (k.dtype !== q.dtype || v.dtype !== q.dtype) {
    throw new Error(`${WHO}: q, k and v must have the same type, but are ${q.dtype}, ${k.dtype} and ${v.dtype}.`);
  }
  const [rank, outer] = [q.shape.length, q.shape.slice(0, -3)];
  if (
    rank < 2 || k.shape.length !== rank || v.shape.length !== rank ||
    !sameShape(k.shape.slice(0, -3), outer) || !sameShape(v.shape.slice(0, -1), k.shape.slice(0, -1)) ||
    q.shape[rank - 1] !== k.shape[rank - 1]
  ) {
    throw new Error(`${WHO}: ${shapes} do not fit: they must be [..., H, T, D], [..., Hkv, S, D] and [..., Hkv, S, Dv].`);
  } // prettier-ignore
  const [heads, keyHeads] = [q.shape.at(-3) ?? 1, k.shape.at(-3) ?? 1];
  if (heads !== keyHeads && (!enableGqa || heads % keyHeads !== 0)) {
    throw new Error(
      `${WHO}: ${shapes} have ${heads} and ${keyHeads} heads: these must be equal` +
        (enableGqa ? ', or those of k and v divide those of q.' : ' unless enableGqa is set.'),
    );
  }
  if (!(dropoutP >= 0 && dropoutP < 1)) {
    throw new Error(`${WHO}: dropoutP must be at least 0 and below 1, but is ${dropoutP}.`);
  }
  if (length) {
    expectDType(WHO, 'length', length, 'i32', 'u32');
    if (length.size !== 1) throw new Error(`${WHO}: length must be one number, but has shape ${formatShape(length.shape)}.`); // prettier-ignore
  }
  return [...q.shape.slice(0, -1), k.shape[rank - 2]];
}

/** Mask and bias in one tensor, added to the scores or bool. */
function combine({ mask, bias }: AttentionOptions): Tensor | undefined {
  for (const [name, x] of Object.entries({ mask, bias })) {
    if (x) expectDType(WHO, name, x, 'f32', 'f16', ...(name === 'mask' ? (['bool'] as const) : []));
  }
  if (!mask || !bias) return mask ?? bias ?? undefined;
  return mask.dtype === 'bool' ? where(mask, bias, LOWEST) : add(cast(mask, 'f32'), cast(bias, 'f32'));
}

/** Attention by the flash records; shapes as in `composedAttention`. */
function flashed(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | undefined, options: AttentionOptions): Tensor {
  const { length, dropoutP: p = 0, isCausal: causal = false, scale = 1 / Math.sqrt(q.shape[3]) } = options;
  const inputs = [q, k, v, ...(mask ? [mask] : [])];
  let stream = 0;
  if (p > 0) {
    const trace = currentTrace('dropout()');
    stream = trace.draws++;
    inputs.push(concat([reshape(trace.random.seed, [1]), reshape(trace.random.run, [1])]));
  } else if (length) inputs.push(reshape(cast(length, 'u32'), [1]));
  const numbers = p > 0 ? 'dropout' : length ? 'length' : null;
  const attrs = { scale, causal, mask: mask !== undefined, numbers, dropout: { p, stream } } as const;
  return apply(attentionOp, inputs, attrs)[0];
}

/**
 * softmax(q · kᵀ · scale + mask) · v, as torch's scaled_dot_product_attention: q [..., H, T, D], k [..., Hkv, S, D],
 * v [..., Hkv, S, Dv] → [..., H, T, Dv]; f32, or f16 computed in f32. A row that sees no key gives zeros (PyTorch: NaN).
 * Unless `flash` is false, the weights are never stored in memory, forward or backward.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const scores = check(q, k, v, options);
  const given = combine(options);
  const mask = given && maskWithHeads(given, scores);
  const parts = [q, k, v].map(withHeads);
  const shape = [...q.shape.slice(0, -1), v.shape.at(-1)!];
  // The kernels support a length or dropout, not both: decoding uses no dropout.
  if (options.flash === false || (options.length && (options.dropoutP ?? 0) > 0)) {
    const [q32, k32, v32] = parts.map((x) => cast(x, 'f32'));
    return reshape(cast(composedAttention(q32, k32, v32, mask, options), q.dtype), shape);
  }
  return reshape(flashed(parts[0], parts[1], parts[2], mask, options), shape);
}
