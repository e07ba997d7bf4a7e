// Batched matrix product, with either operand optionally read transposed.

import type { MatmulShape } from '../../../shaders/matmul/matmul.wgsl.ts';
import { floatType } from '../../core/kernel.ts';
import { applyOne, expectOneFloat, type KernelOp } from '../../core/op.ts';
import type { OnnxValue } from '../../core/onnx.ts';
import { broadcastShapes, broadcastStrides, formatShape, sizeOf, stridedOffsets } from '../../core/shape.ts';
import type { Tensor, TensorSpec } from '../../core/tensor.ts';
import { matmulVariants } from './matmul-variants.ts';
import { reshape } from '../movement/reshape.ts';

interface MatmulAttrs {
  /** Whether the last two axes of a (of b) are stored swapped. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Sizes and batch strides of a product: c[…, m, n] = Σ_k a[…, m, k] · b[…, k, n]. */
function shapeFor([a, b]: readonly TensorSpec[], { transposeA, transposeB }: MatmulAttrs): MatmulShape {
  const swap = ([rows, columns]: readonly number[], swapped: boolean) => (swapped ? [columns, rows] : [rows, columns]);
  const [m, k] = swap(a.shape.slice(-2), transposeA);
  const [kOfB, n] = swap(b.shape.slice(-2), transposeB);
  if (a.shape.length < 2 || b.shape.length < 2 || k !== kOfB) {
    const note = (x: TensorSpec, transposed: boolean) => formatShape(x.shape) + (transposed ? ' (transposed)' : '');
    throw new Error(
      `matmul: ${note(a, transposeA)} · ${note(b, transposeB)} does not fit: ` +
        'both need at least 2 axes, and equal inner sizes.',
    );
  }
  const batch = broadcastShapes('matmul (batch axes)', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const batchStrides = (x: TensorSpec) => {
    const outer = x.shape.slice(0, -2);
    return broadcastStrides(outer, batch).map((stride) => stride * sizeOf(x.shape.slice(-2)));
  };
  const common = { n, k, transposeA, transposeB, type: floatType(a.dtype) };
  // If all batches share b, their rows are contiguous: one product.
  if (!transposeA && sizeOf(b.shape.slice(0, -2)) === 1 && sizeOf(a.shape.slice(0, -2)) === sizeOf(batch)) {
    return { ...common, m: m * sizeOf(batch), batch: [], batchStridesA: [], batchStridesB: [] };
  }
  return { ...common, m, batch, batchStridesA: batchStrides(a), batchStridesB: batchStrides(b) };
}

export const matmulOp: KernelOp<MatmulAttrs> = {
  name: 'matmul',
  kind: 'kernels',
  stores: true,
  infer(inputs, attrs) {
    const [a, b] = inputs;
    expectOneFloat('matmul', { a, b });
    shapeFor(inputs, attrs);
    const batch = broadcastShapes('matmul (batch axes)', a.shape.slice(0, -2), b.shape.slice(0, -2));
    const [m, n] = [a.shape.at(attrs.transposeA ? -1 : -2)!, b.shape.at(attrs.transposeB ? -2 : -1)!];
    return [{ shape: [...batch, m, n], dtype: a.dtype }];
  },
  cpu({ inputs: [a, b], outputs: [c], inputSpecs, attrs }) {
    const { m, n, k, batch, batchStridesA, batchStridesB, transposeA, transposeB } = shapeFor(inputSpecs, attrs);
    const [aRow, aColumn] = transposeA ? [1, m] : [k, 1];
    const [bRow, bColumn] = transposeB ? [1, k] : [n, 1];
    const basesB = stridedOffsets(batch, batchStridesB);
    stridedOffsets(batch, batchStridesA).forEach((baseA, i) => {
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          let total = 0;
          for (let d = 0; d < k; d++) {
            total += a[baseA + row * aRow + d * aColumn] * b[basesB[i] + d * bRow + column * bColumn];
          }
          c[(i * m + row) * n + column] = total;
        }
      }
    });
  },
  gpu: ({ inputs, attrs, capabilities }) => matmulVariants(shapeFor(inputs, attrs), capabilities),
  vjp({ inputs: [a, b], gradients: [g], attrs: { transposeA, transposeB } }) {
    // The gradient of weights that all batches share is one product, instead of a sum of one per batch.
    if (b.shape.length === 2 && a.shape.length > 2 && !transposeA) {
      const rows = (t: Tensor) => reshape(t, [sizeOf(t.shape.slice(0, -1)), t.shape.at(-1)!]);
      const da = matmul(g!, b, { transposeB: !transposeB });
      const db = transposeB
        ? matmul(rows(g!), rows(a), { transposeA: true })
        : matmul(rows(a), rows(g!), { transposeA: true });
      return [da, db];
    }
    // c = a·b gives da = g·bᵀ and db = aᵀ·g; an operand that is stored transposed gets the transpose.
    const da = transposeA
      ? matmul(b, g!, { transposeA: transposeB, transposeB: true })
      : matmul(g!, b, { transposeB: !transposeB });
    const db = transposeB
      ? matmul(g!, a, { transposeA: true, transposeB: transposeA })
      : matmul(a, g!, { transposeA: !transposeA });
    return [da, db];
  },
  flops: (inputs, [c], attrs) => 2 * sizeOf(c.shape) * shapeFor(inputs, attrs).k,
  onnx(graph, { inputs: [a, b], tensors, attrs: { transposeA, transposeB } }) {
    if ((transposeA || transposeB) && tensors.every(({ shape }) => shape.length === 2)) {
      return graph.node('Gemm', [a, b], { transA: Number(transposeA), transB: Number(transposeB) });
    }
    const turned = (x: OnnxValue, { shape: { length } }: TensorSpec, isTurned: boolean) =>
      isTurned ? graph.node('Transpose', [x], { perm: [...Array(length - 2).keys(), length - 1, length - 2] }) : x;
    return graph.node('MatMul', [turned(a, tensors[0], transposeA), turned(b, tensors[1], transposeB)]);
  },
};

/**
 * Matrix product over the last two axes: [..., M, K] · [..., K, N] → [..., M, N]; the axes before them broadcast.
 * With `transposeA` (`transposeB`) the operand is given as [..., K, M] ([..., N, K]). Both are f32, or both f16 with
 * accumulation in f32.
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: Partial<MatmulAttrs> = {},
): Tensor {
  return applyOne(matmulOp, [a, b], { transposeA, transposeB });
}
