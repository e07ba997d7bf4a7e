// Weights of 4 or 8 bits in products and tables, which become floats only inside the kernels.

import { LINEAR_WORKGROUP } from '../../shaders/lib/grid.wgsl.ts';
import { quantizedSerialKernel, quantizedTreeKernel, type QuantizedShape } from '../../shaders/quantized.wgsl.ts';
import type { TensorData } from '../core/dtype.ts';
import { linearGrid } from '../core/kernel.ts';
import { applyOne, expectDType, type CpuArray, type Op } from '../core/op.ts';
import { formatShape, sameShape, sizeOf } from '../core/shape.ts';
import { Constant, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { div, mul, remainder, sub } from './binary.ts';
import { cast } from './cast.ts';
import { ge } from './compare.ts';
import { pick } from './gather.ts';
import { reshape } from './reshape.ts';

/** How weights are stored. */
export interface Quantization {
  /** Bits of one weight. */
  readonly bits: 4 | 8;
  /** Neighbours along a row that share a scale: a multiple of 8. */
  readonly group: number;
}

function checkGroup(who: string, k: number, { bits, group }: Quantization): void {
  if ((bits === 4 || bits === 8) && group % 8 === 0 && group > 0 && k % group === 0) return;
  throw new Error(
    `${who}: ${bits} bits in groups of ${group} do not fit rows of ${k}: ` +
      'use 4 or 8 bits, and groups of a multiple of 8 that divides the rows.',
  );
}

/**
 * `weight` f32 [N, K] as whole numbers times a scale for each group of a row, the largest number of a group standing for its
 * largest magnitude: `packed` u32 [N, K · bits / 32] and `scales` f32 [N, K / group]. The worst error is half a scale.
 */
export function quantize(weight: TensorData, q: Quantization): { packed: TensorData; scales: TensorData } {
  if (weight.shape.length !== 2 || weight.dtype !== 'f32') {
    throw new Error(`quantize: needs f32 [N, K], but got ${weight.dtype}${formatShape(weight.shape)}.`);
  }
  const [n, k] = weight.shape;
  checkGroup('quantize', k, q);
  const { bits, group } = q;
  const largest = 2 ** (bits - 1) - 1;
  const packed = new Uint32Array((n * k * bits) / 32);
  const scales = new Float32Array((n * k) / group);
  for (let at = 0; at < scales.length; at++) {
    const values = weight.data.subarray(at * group, (at + 1) * group);
    for (const value of values) scales[at] = Math.max(scales[at], Math.abs(value) / largest);
    values.forEach((value, i) => {
      const place = (at * group + i) * bits;
      const whole = scales[at] > 0 ? Math.round(value / scales[at]) : 0;
      const held = Math.min(Math.max(whole, -largest), largest) & (2 ** bits - 1);
      packed[place >>> 5] |= held << (place & 31);
    });
  }
  return {
    packed: { dtype: 'u32', shape: [n, (k * bits) / 32], data: packed },
    scales: { dtype: 'f32', shape: [n, k / group], data: scales },
  };
}

/** Weight number `at` of all. */
function weightAt(packed: CpuArray, scales: CpuArray, at: number, { bits, group }: Quantization): number {
  const place = at * bits;
  const whole = (packed[Math.floor(place / 32)] << (32 - bits - (place % 32))) >> (32 - bits);
  return whole * scales[Math.floor(at / group)];
}

const describe = ([x, packed]: readonly TensorSpec[], { bits, group }: Quantization): QuantizedShape => ({
  m: x.shape[0],
  n: packed.shape[0],
  k: x.shape[1],
  bits,
  group,
});

export const quantizedMatmulOp: Op<Quantization> = {
  name: 'quantizedMatmul',
  stores: true,
  infer([x, packed, scales], q) {
    expectDType('quantizedMatmul', 'x', x, 'f32');
    expectDType('quantizedMatmul', 'packed', packed, 'u32');
    expectDType('quantizedMatmul', 'scales', scales, 'f32', 'f16');
    const k = x.shape[1];
    checkGroup('quantizedMatmul', k, q);
    const [n, words] = packed.shape;
    const fits = words * 32 === k * q.bits && scales.shape[0] === n && scales.shape[1] * q.group === k;
    if (packed.shape.length !== 2 || scales.shape.length !== 2 || !fits) {
      throw new Error(
        `quantizedMatmul: packed ${formatShape(packed.shape)} and scales ${formatShape(scales.shape)} do not fit ` +
          `rows of ${k}: they must be [N, ${(k * q.bits) / 32}] and [N, ${k / q.group}].`,
      );
    }
    return [{ shape: [x.shape[0], n], dtype: 'f32' }];
  },
  cpu({ inputs: [x, packed, scales], outputs: [y], inputSpecs, attrs }) {
    const { m, n, k } = describe(inputSpecs, attrs);
    for (let column = 0; column < n; column++) {
      const weights = Float64Array.from({ length: k }, (_, i) => weightAt(packed, scales, column * k + i, attrs));
      for (let row = 0; row < m; row++) {
        y[row * n + column] = weights.reduce((total, weight, i) => total + weight * x[row * k + i], 0);
      }
    }
  },
  gpu({ inputs, attrs, capabilities }) {
    const shape = describe(inputs, attrs);
    const outputs = shape.m * shape.n;
    const variant = (name: string, wgsl: string, workgroups: readonly [number, number, number]) => {
      const bindings = [
        { name: 'x', type: 'f32' },
        { name: 'packed', type: 'u32' },
        { name: 'scales', type: inputs[2].dtype as 'f32' | 'f16' },
      ] as const;
      const y = { name: 'y', type: 'f32', store: true } as const;
      return { name, kernels: [{ name: `quantizedMatmul.${name}`, wgsl, inputs: bindings, outputs: [y], workgroups }] };
    };
    const serial = variant('serial', quantizedSerialKernel(shape), linearGrid(outputs, LINEAR_WORKGROUP));
    const tree = variant('tree', quantizedTreeKernel(shape), linearGrid(outputs, 1));
    return capabilities.software || shape.m > 16 ? [serial, tree] : [tree, serial];
  },
  vjp: 'none',
  noGradient: 'Weights of 4 or 8 bits are for inference: train with linear() or matmul(), and quantize() afterwards.',
  flops: (inputs, _outputs, attrs) => {
    const { m, n, k } = describe(inputs, attrs);
    return 2 * m * n * k;
  },
};

/**
 * x · Wᵀ with W as `quantize` gives it: x f32 [..., K], packed u32 [N, K · bits / 32], scales (f32 or f16) [N, K / group] →
 * [..., N]. For inference: it has no gradient.
 */
export function quantizedMatmul(x: Tensor, packed: Tensor, scales: Tensor, quantization: Quantization): Tensor {
  const k = x.shape.at(-1) ?? 1;
  const rows = reshape(x, [k > 0 ? sizeOf(x.shape) / k : 0, k]);
  return reshape(applyOne(quantizedMatmulOp, [rows, packed, scales], quantization), [
    ...x.shape.slice(0, -1),
    packed.shape[0],
  ]);
}

/**
 * Rows of a table as `quantize` gives it, for i32 ids [...]: packed u32 [V, D · bits / 32], scales (f32 or f16) [V, D / group] →
 * f32 [..., D]. Only the rows asked for become floats. Only the scales have a gradient.
 */
export function quantizedEmbedding(ids: Tensor, packed: Tensor, scales: Tensor, quantization: Quantization): Tensor {
  const { bits, group } = quantization;
  expectDType('quantizedEmbedding', 'ids', ids, 'i32');
  expectDType('quantizedEmbedding', 'packed', packed, 'u32');
  expectDType('quantizedEmbedding', 'scales', scales, 'f32', 'f16');
  const width = (packed.shape[1] * 32) / bits;
  checkGroup('quantizedEmbedding', width, quantization);
  const groups = width / group;
  if (packed.shape.length !== 2 || !sameShape(scales.shape, [packed.shape[0], groups])) {
    const found = `packed ${formatShape(packed.shape)} and scales ${formatShape(scales.shape)}`;
    throw new Error(`quantizedEmbedding: ${found} do not fit: scales must be [V, ${groups}].`);
  }
  const index = reshape(ids, [ids.size, 1]);
  const words = reshape(pick(packed, index, 0), [ids.size, packed.shape[1], 1]);
  const places = Uint32Array.from({ length: 32 / bits }, (_, i) => 2 ** (i * bits));
  const whole = remainder(div(words, new Constant([places.length], 'u32', places)), 2 ** bits); // [n, words, in a word]
  // Two's complement: the upper half stands for negative numbers.
  const signed = sub(cast(whole, 'f32'), mul(cast(ge(whole, 2 ** (bits - 1)), 'f32'), 2 ** bits));
  const scale = reshape(cast(pick(scales, index, 0), 'f32'), [ids.size, groups, 1]);
  return reshape(mul(reshape(signed, [ids.size, groups, group]), scale), [...ids.shape, width]);
}
