// Positional encodings as tables of constants, besides learned embeddings and `rotary`.

import { expectWhole } from '../../core/shape.ts';
import { Constant } from '../../core/tensor.ts';

/**
 * The sines and cosines of Vaswani et al., "Attention is all you need" (2017): [length, width], to add to
 * embeddings. Column 2i is sin(position / base^(2i / width)), column 2i + 1 the cosine of the same.
 */
export function sinusoidalPositions(length: number, width: number, { base = 10000 } = {}): Constant {
  expectWhole('sinusoidalPositions', 'length and width', [length, width], 0);
  const data = Float32Array.from({ length: length * width }, (_, at) => {
    const column = at % width;
    const angle = Math.floor(at / width) / base ** ((column - (column % 2)) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return new Constant([length, width], 'f32', data);
}

/**
 * How steeply each head's scores fall with distance: Press et al., "Train short, test long" (2022). A geometric series
 * that ends at 2^-8; unless `heads` is a power of two, that of the next lower power, then every other value of the next higher.
 */
export function alibiSlopes(heads: number): number[] {
  expectWhole('alibiSlopes', 'heads', [heads], 1);
  const lower = 2 ** Math.floor(Math.log2(heads));
  const series = (count: number) => Array.from({ length: count }, (_, i) => 2 ** ((-8 * (i + 1)) / count));
  const between = series(2 * lower).filter((_, i) => i % 2 === 0);
  return [...series(lower), ...between.slice(0, heads - lower)];
}

/**
 * -slope · distance for each head, query and key: [heads, rows, keys], the `bias` of scaledDotProductAttention. The rows are
 * the last of `keys` positions. Distances count in both directions; `isCausal` excludes keys after a row.
 */
export function alibiBias(heads: number, rows: number, keys = rows): Constant {
  expectWhole('alibiBias', 'rows and keys', [rows, keys], 0);
  const data = alibiSlopes(heads).flatMap((slope) =>
    Array.from({ length: rows * keys }, (_, at) => {
      const row = keys - rows + Math.floor(at / keys);
      return -slope * Math.abs(row - (at % keys));
    }),
  );
  return new Constant([heads, rows, keys], 'f32', Float32Array.from(data));
}

/** Options of `relativePositionBuckets`. */
export interface BucketOptions {
  /** True: keys after a row use the upper half of the buckets. False: they all share bucket 0. */
  readonly bidirectional?: boolean;
  /** Number of buckets. */
  readonly buckets?: number;
  /** Distances from here on share the last bucket. */
  readonly maxDistance?: number;
}

/**
 * The bucket of each distance between query and key, i32 [rows, keys], of Raffel et al., "T5" (2020): half of the buckets hold
 * one distance each, the others grow by a constant factor. Their `embedding`, permuted to [heads, rows, keys], is T5's bias.
 * The rows are the last of `keys` positions.
 */
export function relativePositionBuckets(
  rows: number,
  keys = rows,
  { bidirectional = true, buckets = 32, maxDistance = 128 }: BucketOptions = {},
): Constant {
  expectWhole('relativePositionBuckets', 'rows and keys', [rows, keys], 0);
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const single = Math.floor(count / 2);
  if (!Number.isInteger(buckets) || single < 1 || !(maxDistance > single)) {
    throw new Error(
      `relativePositionBuckets: ${buckets} buckets for distances up to ${maxDistance} leave none that grow: ` +
        `use at least ${bidirectional ? 4 : 2}, and a maxDistance above ${Math.max(single, 1)}.`,
    );
  }
  const bucketOf = (distance: number) => {
    if (distance < single) return distance;
    const share = Math.log2(distance / single) / Math.log2(maxDistance / single);
    return Math.min(count - 1, single + Math.floor(share * (count - single)));
  };
  const data = Int32Array.from({ length: rows * keys }, (_, at) => {
    const ahead = (at % keys) - (keys - rows + Math.floor(at / keys));
    if (!bidirectional) return bucketOf(Math.max(0, -ahead));
    return bucketOf(Math.abs(ahead)) + (ahead > 0 ? count : 0);
  });
  return new Constant([rows, keys], 'i32', data);
}
