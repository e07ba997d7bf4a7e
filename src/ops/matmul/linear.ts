// Products of matrices and vectors by PyTorch's names, composed of matmul and mul.

import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, mul } from '../elementwise/binary.ts';
import { matmul } from './matmul.ts';
import { sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';

function expectRank(who: string, what: string, x: Tensor, rank: number): void {
  if (x.shape.length !== rank) {
    throw new Error(
      `${who}: ${what} must have ${rank} ${rank === 1 ? 'axis' : 'axes'}, but is ${formatShape(x.shape)}.`,
    );
  }
}

/** x · weightᵀ + bias: x [..., in], weight [out, in], bias [out] → [..., out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  expectRank('linear', 'weight', weight, 2);
  const [outFeatures, inFeatures] = weight.shape;
  if (x.shape.length === 0 || x.shape.at(-1) !== inFeatures) {
    throw new Error(
      `linear: x ${formatShape(x.shape)} and weight ${formatShape(weight.shape)} must have equal last axes.`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.size !== outFeatures)) {
    throw new Error(`linear: bias must be [${outFeatures}], but is ${formatShape(bias.shape)}.`);
  }
  if (x.shape.length === 1) return reshape(linear(reshape(x, [1, inFeatures]), weight, bias), [outFeatures]);
  const y = matmul(x, weight, { transposeB: true });
  return bias ? add(y, bias) : y;
}

/** The outer product of two vectors: [M], [N] → [M, N]. */
export function outer(a: Tensor, b: Tensor): Tensor {
  expectRank('outer', 'a', a, 1);
  expectRank('outer', 'b', b, 1);
  return mul(reshape(a, [a.size, 1]), b);
}

/** Σ a · b of two vectors: [K], [K] → []. */
export function dot(a: Tensor, b: Tensor): Tensor {
  expectRank('dot', 'a', a, 1);
  if (b.shape.length !== 1 || a.size !== b.size) {
    throw new Error(`dot: vectors ${formatShape(a.shape)} and ${formatShape(b.shape)} must have the same size.`);
  }
  return sum(mul(a, b));
}

/** A matrix times a vector: [M, K], [K] → [M]. */
export function mv(matrix: Tensor, vector: Tensor): Tensor {
  expectRank('mv', 'matrix', matrix, 2);
  expectRank('mv', 'vector', vector, 1);
  if (matrix.shape[1] !== vector.size) {
    throw new Error(`mv: ${formatShape(matrix.shape)} · ${formatShape(vector.shape)} do not fit [M, K] · [K].`);
  }
  return reshape(matmul(matrix, reshape(vector, [vector.size, 1])), [matrix.shape[0]]);
}

/** Batched matrix product: [B, M, K], [B, K, N] → [B, M, N]. */
export function bmm(a: Tensor, b: Tensor): Tensor {
  expectRank('bmm', 'a', a, 3);
  if (b.shape.length !== 3 || a.shape[0] !== b.shape[0] || a.shape[2] !== b.shape[1]) {
    throw new Error(`bmm: ${formatShape(a.shape)} · ${formatShape(b.shape)} do not fit [B, M, K] · [B, K, N].`);
  }
  return matmul(a, b);
}
