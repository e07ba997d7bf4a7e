// Multi-head attention with torch's parameters.

import type { Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import { isTraining } from '../../core/trace.ts';
import { scaledDotProductAttention } from '../../ops/attention/attention.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { eq } from '../../ops/elementwise/compare.ts';
import { matmul } from '../../ops/matmul/matmul.ts';
import { permute } from '../../ops/movement/permute.ts';
import { reshape } from '../../ops/movement/reshape.ts';
import { slice } from '../../ops/movement/slice.ts';
import { where } from '../../ops/elementwise/where.ts';
import { cast } from '../../ops/elementwise/cast.ts';
import { filledParameter, uniformParameter } from '../init.ts';
import { Linear } from '../matmul/linear.ts';
import { Module } from '../module.ts';

export interface MultiheadAttentionOptions {
  /** Probability of dropping a weight during training. */
  readonly dropout?: number;
  readonly bias?: boolean;
  /** Inputs are [N, T, E]; otherwise [T, N, E], torch's default. */
  readonly batchFirst?: boolean;
}

export interface AttentionMasks {
  /** [T, S] or [N · heads, T, S]; bool: true where a key is IGNORED, as in torch's module. f32: added to the scores. */
  readonly attnMask?: Tensor;
  /** bool [N, S]: true where a key is padding. */
  readonly keyPaddingMask?: Tensor;
  /** Row i sees keys 0 … i; needs no mask. */
  readonly isCausal?: boolean;
}

/** Attention as torch.nn.MultiheadAttention, but only the output is computed, not the attention weights. */
export class MultiheadAttention extends Module {
  /** [3 · E, E]: of queries, keys and values. */
  readonly in_proj_weight: Parameter;
  /** [3 · E] */
  readonly in_proj_bias: Parameter | null;
  readonly out_proj: Linear;
  readonly #heads: number;
  readonly #options: MultiheadAttentionOptions;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    if (embedDim % numHeads !== 0) {
      throw new Error(
        `MultiheadAttention: embedDim ${embedDim} must be divisible by the number of heads, ${numHeads}.`,
      );
    }
    const { bias = true } = options;
    // Glorot's bound for all three together.
    this.in_proj_weight = uniformParameter([3 * embedDim, embedDim], Math.sqrt(6 / (4 * embedDim)));
    this.in_proj_bias = bias ? filledParameter([3 * embedDim], 0) : null;
    this.out_proj = new Linear(embedDim, embedDim, { bias, initialBias: 0 });
    this.#heads = numHeads;
    this.#options = options;
  }

  /** query [T, N, E], key and value [S, N, E] (N first with `batchFirst`; or without N) → the shape of query. */
  forward(query: Tensor, key: Tensor = query, value: Tensor = key, masks: AttentionMasks = {}): Tensor {
    const [q, k, v] = this.#project(query, key, value).map((x) => this.#split(x)); // [N, heads, T | S, E / heads]
    const dropoutP = isTraining() ? (this.#options.dropout ?? 0) : 0;
    const options = { ...this.#masks(masks, q.shape, k.shape[2]), isCausal: masks.isCausal, dropoutP };
    const out = permute(scaledDotProductAttention(q, k, v, options), this.#order); // [N, T, heads, …] or [T, N, heads, …]
    return this.out_proj.forward(reshape(out, query.shape));
  }

  /** The permutation from [N, heads, T, D] to the order of the inputs. */
  get #order(): number[] {
    return this.#options.batchFirst ? [0, 2, 1, 3] : [2, 0, 1, 3];
  }

  #project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const [embedDim, weight, bias] = [query.shape.at(-1)!, this.in_proj_weight, this.in_proj_bias];
    const linear = (x: Tensor, w: Tensor, b: Tensor | null) => {
      const y = matmul(x, w, { transposeB: true });
      return b ? add(y, b) : y;
    };
    if (query === key && key === value) {
      const all = linear(query, weight, bias);
      const from = (i: number) => query.shape.map((_, axis) => (axis === query.shape.length - 1 ? i * embedDim : 0));
      return [0, 1, 2].map((i) => slice(all, from(i), query.shape.with(-1, (i + 1) * embedDim)));
    }
    return [query, key, value].map((x, i) => {
      const [start, end] = [i * embedDim, (i + 1) * embedDim];
      return linear(x, slice(weight, [start, 0], [end, embedDim]), bias && slice(bias, [start], [end]));
    });
  }

  /** `x` as [N, heads, T, D]. */
  #split(x: Tensor): Tensor {
    const [first, second] =
      x.shape.length === 3 ? x.shape : this.#options.batchFirst ? [1, x.shape[0]] : [x.shape[0], 1];
    const parts = reshape(x, [first, second, this.#heads, x.shape.at(-1)! / this.#heads]);
    return permute(parts, this.#options.batchFirst ? [0, 2, 1, 3] : [1, 2, 0, 3]);
  }

  /** The masks as scaledDotProductAttention takes them. */
  #masks({ attnMask, keyPaddingMask }: AttentionMasks, [batch, heads, rows]: readonly number[], keys: number) {
    const taking = (mask: Tensor) => (mask.dtype === 'bool' ? eq(cast(mask, 'i32'), 0) : mask);
    const own = attnMask && (attnMask.shape.length === 3 ? reshape(attnMask, [batch, heads, rows, keys]) : attnMask);
    const padding = keyPaddingMask && reshape(taking(keyPaddingMask), [batch, 1, 1, keys]);
    if (!own || !padding) return { mask: own ? taking(own) : padding };
    return own.dtype === 'bool' ? { mask: where(padding, taking(own), 0) } : { mask: padding, bias: own };
  }
}
