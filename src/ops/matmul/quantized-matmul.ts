// Products with 4-bit or 8-bit weights, which are dequantized inside the kernels.

import type { MatmulShape } from '../../../shaders/matmul/matmul.wgsl.ts';
import { packedOperand, type PackedShape } from '../../../shaders/matmul/quantized.wgsl.ts';
import { floatType } from '../../core/kernel.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { sizeOf } from '../../core/shape.ts';
import type { Tensor, TensorSpec } from '../../core/tensor.ts';
import { mul } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { matmul } from './matmul.ts';
import { quantizedVariants } from './matmul-variants.ts';
import { checkPacked, dequantize, groupedNumbers, weightAt, type Quantization } from './quantized.ts';
import { sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';
import { neg } from '../elementwise/unary.ts';

const shapeFor = ([x, packed, scales, zeros]: readonly TensorSpec[], { bits, group }: Quantization): PackedShape => ({
  n: packed.shape[0],
  k: x.shape[1],
  bits,
  group,
  scales: floatType(scales.dtype),
  zeros: zeros ? floatType(zeros.dtype) : null,
});

export const quantizedMatmulOp: KernelOp<Quantization> = {
  name: 'quantizedMatmul',
  kind: 'kernels',
  stores: true,
  infer([x, packed, scales, zeros], q) {
    expectDType('quantizedMatmul', 'x', x, 'f32', 'f16');
    checkPacked('quantizedMatmul', x.shape[1], q, packed, scales, zeros);
    return [{ shape: [x.shape[0], packed.shape[0]], dtype: x.dtype }];
  },
  cpu({ inputs: [x, ...packed], outputs: [y], inputSpecs, attrs }) {
    const { n, k } = shapeFor(inputSpecs, attrs);
    for (let column = 0; column < n; column++) {
      const weights = Float64Array.from({ length: k }, (_, i) => weightAt(packed, column * k + i, attrs));
      for (let row = 0; row < inputSpecs[0].shape[0]; row++) {
        y[row * n + column] = weights.reduce((total, weight, i) => total + weight * x[row * k + i], 0);
      }
    }
  },
  gpu({ inputs, attrs, capabilities }) {
    const [x] = inputs;
    const b = shapeFor(inputs, attrs);
    const whole = { batch: [], batchStridesA: [], batchStridesB: [], transposeA: false, transposeB: true };
    const sizes = { m: x.shape[0], n: b.n, k: b.k };
    const shape: MatmulShape = { ...whole, ...sizes, type: floatType(x.dtype), packed: packedOperand(b) };
    return quantizedVariants(shape, b, capabilities);
  },
  vjp({ inputs: [x, packed, scales, zeros], gradients: [g], attrs }) {
    const dx = matmul(g!, cast(dequantize(packed, scales, attrs, zeros), x.dtype));
    // dw would be the weights' gradient; in groups that share a scale, and in f32, since its sums may cancel.
    const numbers = groupedNumbers(packed, attrs, zeros); // [N, groups, group]
    const dw = reshape(matmul(cast(g!, 'f32'), cast(x, 'f32'), { transposeA: true }), numbers.shape);
    const dscales = cast(sum(mul(dw, numbers), -1), scales.dtype);
    const dzeros = mul(neg(cast(scales, 'f32')), sum(dw, -1));
    return [dx, null, dscales, zeros ? cast(dzeros, zeros.dtype) : null];
  },
  flops: ([x, packed]) => 2 * sizeOf(x.shape) * packed.shape[0],
  onnx: {
    as: ([x, packed, scales, zeros], attrs) =>
      matmul(x, cast(dequantize(packed, scales, attrs, zeros), x.dtype), { transposeB: true }),
  },
};

/**
 * x · Wᵀ with W as `quantize` returns it: x [..., K] (f32 or f16, like the result), packed u32 [N, K · bits / 32], scales and,
 * for unsigned numbers, zeros (f32 or f16) [N, K / group] → [..., N]. Accumulates in f32. x, scales and zeros have gradients;
 * the packed integers have none: train with linear() or matmul() and quantize() afterwards, or train what is added to this
 * product (as LoRA does).
 */
export function quantizedMatmul(
  x: Tensor,
  packed: Tensor,
  scales: Tensor,
  quantization: Quantization,
  zeros?: Tensor | null,
): Tensor {
  const k = x.shape.at(-1) ?? 1;
  const rows = reshape(x, [k > 0 ? sizeOf(x.shape) / k : 0, k]);
  const product = applyOne(quantizedMatmulOp, [rows, packed, scales, ...(zeros ? [zeros] : [])], quantization);
  return reshape(product, [...x.shape.slice(0, -1), packed.shape[0]]);
}
