// Indexing of whole slices: rows of an embedding table, positions along an axis, one-hot vectors.

import type { DType } from '../../core/dtype.ts';
import { expectDType } from '../../core/op.ts';
import { expectWhole, formatShape, resolveAxis, type Shape } from '../../core/shape.ts';
import { formatSpec, type Tensor } from '../../core/tensor.ts';
import { arange } from '../elementwise/ranges.ts';
import { add } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { eq } from '../elementwise/compare.ts';
import { detach } from '../elementwise/detach.ts';
import { pick, scatterSum } from './gather.ts';
import { reshape } from '../movement/reshape.ts';
import { where } from '../elementwise/where.ts';

/** A list of positions as an index that broadcasts along all axes but one. */
function alongAxis(who: string, index: Tensor, shape: Shape, axis: number): Tensor {
  expectDType(who, 'index', index, 'i32');
  if (index.shape.length !== 1) {
    throw new Error(`${who}: index must be a 1-D list of positions, but has shape ${formatShape(index.shape)}.`);
  }
  return reshape(index, shape.map((_, i) => (i === axis ? index.size : 1))); // prettier-ignore
}

/** The slices of `x` at positions `index` (i32, one axis) along `axis`, as torch.index_select. */
export function indexSelect(x: Tensor, index: Tensor, axis = 0): Tensor {
  const along = resolveAxis('indexSelect', axis, x.shape.length);
  return pick(x, alongAxis('indexSelect', index, x.shape, along), along);
}

/**
 * `base` with slice i of `source` added at position `index[i]` along `axis`, as torch.index_add. Slices with the same index
 * are added in order.
 */
export function indexAdd(base: Tensor, index: Tensor, source: Tensor, axis = 0): Tensor {
  const along = resolveAxis('indexAdd', axis, base.shape.length);
  const fits = source.shape.every((dim, i) => dim === (i === along ? index.size : base.shape[i]));
  if (source.shape.length !== base.shape.length || !fits || source.dtype !== base.dtype) {
    throw new Error(
      `indexAdd: ${index.size} positions and a source ${formatSpec(source)} do not fit ` +
        `${formatSpec(base)}: types must be equal, and sizes except along axis ${along}, where the source is as long as the index.`,
    );
  }
  const picked = alongAxis('indexAdd', index, base.shape, along);
  return add(base, scatterSum(picked, source, { axis: along, size: base.shape[along] }));
}

/** Options of `embedding`. */
export interface EmbeddingOptions {
  /** A row that gets no gradient, counted from the end if negative. */
  readonly paddingIdx?: number;
}

/** Rows of `weight` [V, D] by index, `ids` (i32 of any shape): [..., D]. The gradient of `weight` is dense. */
export function embedding(ids: Tensor, weight: Tensor, { paddingIdx }: EmbeddingOptions = {}): Tensor {
  expectDType('embedding', 'ids', ids, 'i32');
  const [rows, width] = weight.shape;
  if (weight.shape.length !== 2) {
    throw new Error(`embedding: weight must be [V, D], but is ${formatShape(weight.shape)}.`);
  }
  if (paddingIdx !== undefined && !(Number.isInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows)) {
    throw new Error(`embedding: paddingIdx ${paddingIdx} is not a row of ${formatShape(weight.shape)}.`);
  }
  const index = reshape(ids, [ids.size, 1]);
  const picked = pick(weight, index, 0); // [n, D]
  const padding = paddingIdx !== undefined && eq(index, paddingIdx < 0 ? paddingIdx + rows : paddingIdx);
  return reshape(padding ? where(padding, detach(picked), picked) : picked, [...ids.shape, width]);
}

/** One-hot vectors: i32 [...] → [..., classes]; an index out of range gives zeros only. */
export function oneHot(index: Tensor, classes: number, { dtype = 'f32' as DType } = {}): Tensor {
  expectDType('oneHot', 'index', index, 'i32');
  expectWhole('oneHot', 'classes', [classes], 1);
  return cast(eq(reshape(index, [...index.shape, 1]), arange(classes)), dtype);
}
