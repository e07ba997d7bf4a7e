// Matrix product over batches, with either operand transposed as it is read.

import * as shader from '../../shaders/matmul.wgsl.ts';
import type { Kernel } from '../core/kernel.ts';
import { applyOne, expectDType, type Op } from '../core/op.ts';
import { broadcastShapes, broadcastStrides, formatShape, sizeOf, stridedOffsets } from '../core/shape.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';

interface MatmulAttrs {
  /** The last two axes of a (of b) are stored swapped. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Sizes and batch strides of a product: c[…, m, n] = Σ_k a[…, m, k] · b[…, k, n]. */
function describe([a, b]: readonly TensorSpec[], { transposeA, transposeB }: MatmulAttrs): shader.MatmulShape {
  const swap = ([rows, columns]: readonly number[], swapped: boolean) => (swapped ? [columns, rows] : [rows, columns]);
  const [m, k] = swap(a.shape.slice(-2), transposeA);
  const [kOfB, n] = swap(b.shape.slice(-2), transposeB);
  if (a.shape.length < 2 || b.shape.length < 2 || k !== kOfB) {
    const note = (x: TensorSpec, transposed: boolean) => formatShape(x.shape) + (transposed ? ' (transposed)' : '');
    throw new Error(
      `matmul: ${note(a, transposeA)} · ${note(b, transposeB)} does not fit: ` +
        'both need two axes or more, and the inner sizes must be equal.',
    );
  }
  const batch = broadcastShapes('matmul (batch axes)', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const batchStrides = (x: TensorSpec) => {
    const outer = x.shape.slice(0, -2);
    return broadcastStrides(outer, batch).map((stride) => stride * sizeOf(x.shape.slice(-2)));
  };
  return { m, n, k, batch, batchStridesA: batchStrides(a), batchStridesB: batchStrides(b), transposeA, transposeB };
}

export const matmulOp: Op<MatmulAttrs> = {
  name: 'matmul',
  stores: true,
  infer(inputs, attrs) {
    inputs.forEach((input, i) => expectDType('matmul', 'ab'[i], input, 'f32'));
    const { m, n, batch } = describe(inputs, attrs);
    return [{ shape: [...batch, m, n], dtype: 'f32' }];
  },
  cpu({ inputs: [a, b], outputs: [c], inputSpecs, attrs }) {
    const { m, n, k, batch, batchStridesA, batchStridesB, transposeA, transposeB } = describe(inputSpecs, attrs);
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
  gpu({ inputs, attrs, capabilities }) {
    const shape = describe(inputs, attrs);
    const { m, n } = shape;
    const element = (vectorized: boolean) => (vectorized ? 'vec4<f32>' : 'f32');
    const variant = (name: string, wgsl: string, tile: number) => {
      const kernel: Kernel = {
        name: `matmul.${name}`,
        wgsl,
        inputs: [
          { name: 'a', type: element(shader.vectorizedA(shape)) },
          { name: 'b', type: element(shader.vectorizedB(shape)) },
        ],
        outputs: [{ name: 'c', type: element(shader.vectorizedC(shape)), store: true }],
        workgroups: [Math.ceil(n / tile), Math.ceil(m / tile), sizeOf(shape.batch)],
      };
      return { name, kernels: [kernel] };
    };
    const register = variant('register', shader.matmulRegisterKernel(shape), shader.REGISTER_TILE);
    const tiled = variant('tiled', shader.matmulTiledKernel(shape), shader.SHARED_TILE);
    return capabilities.software || m < 32 || n < 32 ? [register, tiled] : [tiled, register];
  },
  vjp({ inputs: [a, b], gradients: [g], attrs: { transposeA, transposeB } }) {
    // c = a·b gives da = g·bᵀ and db = aᵀ·g; an operand that is stored transposed gets the transpose of that.
    const da = transposeA
      ? matmul(b, g!, { transposeA: transposeB, transposeB: true })
      : matmul(g!, b, { transposeB: !transposeB });
    const db = transposeB
      ? matmul(g!, a, { transposeA: true, transposeB: transposeA })
      : matmul(a, g!, { transposeA: !transposeA });
    return [da, db];
  },
  flops: (inputs, [c], attrs) => 2 * sizeOf(c.shape) * describe(inputs, attrs).k,
};

/**
 * Matrix product over the last two axes: [..., M, K] · [..., K, N] → [..., M, N]; the axes before them broadcast.
 * With `transposeA` (`transposeB`) the operand is given as [..., K, M] ([..., N, K]).
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: Partial<MatmulAttrs> = {},
): Tensor {
  return applyOne(matmulOp, [a, b], { transposeA, transposeB });
}
