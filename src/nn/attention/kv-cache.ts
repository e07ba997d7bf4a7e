// A cache of the keys and values of all positions so far, kept on the device for decoding token by token.

import { allocate, type DType } from '../../core/dtype.ts';
import { Buffer } from '../../core/parameter.ts';
import { Scalar, spec, type Tensor } from '../../core/tensor.ts';
import { assign, checkBeforeRuns } from '../../core/trace.ts';
import { updateSlice } from '../../ops/indexing/update-slice.ts';

export interface KVCacheOptions {
  /** Width of a value, if not that of a key. */
  readonly width?: number;
  readonly dtype?: DType;
}

/**
 * Keys [batch, heads, maxLength, depth] and values of one attention layer. One program serves every step:
 *
 *     const position = new Scalar('position', 0, 'i32');
 *     const { k, v } = cache.append(newKeys, newValues, position);
 *     scaledDotProductAttention(q, k, v, { isCausal: true, length: add(position, rows) });
 *
 * Programs for prompts of other lengths may share the cache. It is not a Module, since it is not part of a checkpoint.
 */
export class KVCache {
  /** [batch, heads, maxLength, depth] */
  readonly k: Buffer;
  /** [batch, heads, maxLength, width] */
  readonly v: Buffer;

  constructor(
    batch: number,
    heads: number,
    maxLength: number,
    depth: number,
    { width = depth, dtype = 'f32' }: KVCacheOptions = {},
  ) {
    this.k = Buffer.zeros(spec([batch, heads, maxLength, depth], dtype), { name: 'cache.k', persistent: false });
    this.v = Buffer.zeros(spec([batch, heads, maxLength, width], dtype), { name: 'cache.v', persistent: false });
  }

  /**
   * Writes k [batch, heads, T, depth] and v at `position` … `position + T - 1` at the end of this run, and returns the whole
   * cache with them. Only these positions are written, in place. If they do not fit, nothing is written; if `position` is a
   * Scalar, the run throws.
   */
  append(k: Tensor, v: Tensor, position: Tensor): { k: Tensor; v: Tensor } {
    const [rows, most] = [k.shape[2], this.k.shape[2]];
    if (position instanceof Scalar) {
      checkBeforeRuns(() => {
        const { value } = position;
        if (value >= 0 && value + rows <= most) return;
        throw new Error(
          `KVCache: ${rows} positions from ${value} on do not fit into ${most}; create a longer cache, or restart at 0.`,
        );
      });
    }
    const options = { onlyInside: true };
    const next = { k: updateSlice(k, position, this.k, options), v: updateSlice(v, position, this.v, options) };
    assign(this.k, next.k);
    assign(this.v, next.v);
    return next;
  }

  /** Zeroes the cache. Not needed to restart at position 0: positions past the length are not read. */
  reset(): void {
    for (const parameter of [this.k, this.v]) {
      const { shape, dtype, size } = parameter;
      parameter.write({ shape, dtype, data: allocate(dtype, size) });
    }
  }
}
