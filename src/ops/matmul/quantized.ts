// Weights of 4 or 8 bits: packing and dequantization.

import type { TensorData } from '../../core/dtype.ts';
import { applyOne, expectDType, type CpuArray } from '../../core/op.ts';
import { formatShape, sameShape, type Shape } from '../../core/shape.ts';
import { formatSpec, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { mul, sub } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { pick } from '../indexing/gather.ts';
import { pointwise } from '../elementwise/pointwise.ts';
import { reshape } from '../movement/reshape.ts';

/** How weights are stored. */
export interface Quantization {
  /** Bits per weight. */
  readonly bits: 4 | 8;
  /** Number of adjacent weights in a row that share a scale: a multiple of 8. */
  readonly group: number;
}

function checkGroup(who: string, k: number, { bits, group }: Quantization): void {
  if ((bits === 4 || bits === 8) && group % 8 === 0 && group > 0 && k % group === 0) return;
  throw new Error(
    `${who}: ${bits} bits in groups of ${group} do not fit rows of ${k}: ` +
      'use 4 or 8 bits, and a group size that is a multiple of 8 and divides the row length.',
  );
}

/** Throws unless `packed` holds rows of `k` weights, and scales (and zeros) fit it; the error names `who`. */
export function checkPacked(
  who: string,
  k: number,
  q: Quantization,
  packed: TensorSpec,
  scales: TensorSpec,
  zeros?: TensorSpec | null,
): void {
  expectDType(who, 'packed', packed, 'u32');
  expectDType(who, 'scales', scales, 'f32', 'f16');
  if (zeros) expectDType(who, 'zeros', zeros, scales.dtype);
  checkGroup(who, k, q);
  const [n, words] = packed.shape;
  const wanted = [n, k / q.group];
  const fits = packed.shape.length === 2 && words * 32 === k * q.bits && sameShape(scales.shape, wanted);
  if (fits && sameShape((zeros ?? scales).shape, wanted)) return;
  const given = [`scales ${formatShape(scales.shape)}`, ...(zeros ? [`zeros ${formatShape(zeros.shape)}`] : [])];
  throw new Error(
    `${who}: packed ${formatShape(packed.shape)} and ${given.join(' and ')} do not fit rows of ${k}: ` +
      `they must be [N, ${(k * q.bits) / 32}] and [N, ${k / q.group}].`,
  );
}

/** Scale of a group of values, and the integer that represents 0 if numbers are unsigned. */
function scaleOf(values: Iterable<number>, bits: number, asymmetric: boolean): [scale: number, zero: number] {
  let [low, high] = [0, 0];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (!asymmetric) return [Math.max(-low, high) / (2 ** (bits - 1) - 1), 0];
  const scale = Math.fround((high - low) / (2 ** bits - 1));
  return [scale, scale > 0 ? Math.round(-low / scale) : 0];
}

/**
 * `weight` f32 [N, K] as integers times a scale per group of a row: `packed` u32 [N, K · bits / 32] and `scales` f32
 * [N, K / group]. The largest integer represents a group's largest magnitude. With `asymmetric` the integers are unsigned and
 * span a group's values from smallest to largest: `zeros` f32 [N, K / group] are the integers for 0, as in GPTQ and AWQ. The
 * largest error is half a scale.
 */
export function quantize(
  weight: TensorData,
  q: Quantization,
  { asymmetric = false }: { readonly asymmetric?: boolean } = {},
): { packed: TensorData; scales: TensorData; zeros: TensorData | null } {
  if (weight.shape.length !== 2 || weight.dtype !== 'f32') {
    throw new Error(`quantize: weight must be f32 [N, K], but is ${formatSpec(weight)}.`);
  }
  const [n, k] = weight.shape;
  checkGroup('quantize', k, q);
  const { bits, group } = q;
  const largest = asymmetric ? 2 ** bits - 1 : 2 ** (bits - 1) - 1;
  const packed = new Uint32Array((n * k * bits) / 32);
  const [scales, zeros] = [new Float32Array((n * k) / group), new Float32Array((n * k) / group)];
  for (let at = 0; at < scales.length; at++) {
    const values = weight.data.subarray(at * group, (at + 1) * group);
    [scales[at], zeros[at]] = scaleOf(values, bits, asymmetric);
    values.forEach((value, i) => {
      const place = (at * group + i) * bits;
      const whole = scales[at] > 0 ? Math.round(value / scales[at]) + zeros[at] : 0;
      const held = Math.min(Math.max(whole, asymmetric ? 0 : -largest), largest) & (2 ** bits - 1);
      packed[place >>> 5] |= held << (place & 31);
    });
  }
  const perGroup = (data: Float32Array): TensorData => ({ dtype: 'f32', shape: [n, k / group], data });
  return {
    packed: { dtype: 'u32', shape: [n, (k * bits) / 32], data: packed },
    scales: perGroup(scales),
    zeros: asymmetric ? perGroup(zeros) : null,
  };
}

/** The dequantized weight at flat index `at`. */
export function weightAt([packed, scales, zeros]: readonly CpuArray[], at: number, q: Quantization): number {
  const inGroup = Math.floor(at / q.group);
  const whole = wholeNumber(packed[Math.floor((at * q.bits) / 32)], at, q.bits, !zeros);
  return (whole - (zeros ? zeros[inGroup] : 0)) * scales[inGroup];
}

/** The integer in `word` that is number `at` of a row of words. */
function wholeNumber(word: number, at: number, bits: number, signed: boolean): number {
  const top = word << (32 - bits - ((at * bits) % 32));
  return signed ? top >> (32 - bits) : top >>> (32 - bits);
}

interface UnpackAttrs {
  readonly shape: Shape;
  readonly bits: 4 | 8;
  readonly signed: boolean;
}

/** The integers packed in words: u32 [..., 1] → f32 [..., 32 / bits]. */
export const unpackOp = pointwise<UnpackAttrs>({
  name: 'unpack',
  dtype: () => 'f32',
  shape: (_inputs, { shape }) => shape,
  wgsl([word], { bits, signed }) {
    const place = `index % ${32 / bits}u * ${bits}u, ${bits}u`;
    return signed ? `f32(extractBits(bitcast<i32>(${word}), ${place}))` : `f32(extractBits(${word}, ${place}))`;
  },
  cpu: ([word], { bits, signed }, index) => wholeNumber(word, index, bits, signed),
  vjp: () => [null],
  onnx(graph, { inputs: [words], attrs: { shape, bits, signed } }) {
    const each = 32 / bits;
    const shifts = (of: (i: number) => number) =>
      graph.constant({ dtype: 'u32', shape: [each], data: Uint32Array.from({ length: each }, (_, i) => of(i)) });
    // Shifted to the top of the word, which drops higher bits, and down again.
    const spread = graph.expand(words, shape);
    const up = graph.node('BitShift', [spread, shifts((i) => 32 - bits * (i + 1))], { direction: 'LEFT' });
    const down = graph.node('BitShift', [up, shifts(() => 32 - bits)], { direction: 'RIGHT' });
    const numbers = graph.cast(down, 'f32');
    const half = (value: number) => graph.number(value, 'f32');
    if (!signed) return numbers;
    const isNegative = graph.node('GreaterOrEqual', [numbers, half(2 ** (bits - 1))]);
    return graph.node('Where', [isNegative, graph.node('Sub', [numbers, half(2 ** bits)]), numbers]);
  },
});

/** The integers (minus zeros) as [N, groups, words, numbers]: elementwise ops on these four axes fuse into one kernel. */
function numbersInGroups(packed: Tensor, { bits, group }: Quantization, zeros?: Tensor | null): Tensor {
  const each = 32 / bits;
  const shape = [packed.shape[0], (packed.shape[1] * each) / group, group / each];
  const numbers = applyOne(unpackOp, [reshape(packed, [...shape, 1])], {
    shape: [...shape, each],
    bits,
    signed: !zeros,
  });
  return zeros ? sub(numbers, perGroup(zeros)) : numbers;
}

/** Scales or zeros, f32 [N, groups, 1, 1]. */
const perGroup = (x: Tensor): Tensor => reshape(cast(x, 'f32'), [...x.shape, 1, 1]);

/** The integers of `packed` minus their zeros, before they are scaled: f32 [N, groups, group]. */
export const groupedNumbers = (packed: Tensor, quantization: Quantization, zeros?: Tensor | null): Tensor => {
  const numbers = numbersInGroups(packed, quantization, zeros);
  return reshape(numbers, [...numbers.shape.slice(0, 2), quantization.group]);
};

/**
 * The inverse of `quantize`: packed u32 [N, K · bits / 32], scales [N, K / group] and, for unsigned numbers, zeros
 * [N, K / group] (both f32 or both f16) → f32 [N, K]. Scales and zeros have gradients.
 */
export function dequantize(packed: Tensor, scales: Tensor, quantization: Quantization, zeros?: Tensor | null): Tensor {
  const k = ((packed.shape[1] ?? 0) * 32) / quantization.bits;
  checkPacked('dequantize', k, quantization, packed, scales, zeros);
  return unpacked(packed, scales, quantization, zeros);
}

function unpacked(packed: Tensor, scales: Tensor, quantization: Quantization, zeros?: Tensor | null): Tensor {
  const numbers = numbersInGroups(packed, quantization, zeros);
  return reshape(mul(numbers, perGroup(scales)), [packed.shape[0], scales.shape[1] * quantization.group]);
}

/**
 * Rows of a table as `quantize` returns it, for i32 ids [...]: packed u32 [V, D · bits / 32], scales and, for unsigned numbers,
 * zeros [V, D / group] (both f32 or both f16) → f32 [..., D]. Only the requested rows are dequantized. Scales and zeros have
 * gradients.
 */
export function quantizedEmbedding(
  ids: Tensor,
  packed: Tensor,
  scales: Tensor,
  quantization: Quantization,
  zeros?: Tensor | null,
): Tensor {
  expectDType('quantizedEmbedding', 'ids', ids, 'i32');
  const width = ((packed.shape[1] ?? 0) * 32) / quantization.bits;
  checkPacked('quantizedEmbedding', width, quantization, packed, scales, zeros);
  const index = reshape(ids, [ids.size, 1]);
  const picked = (table: Tensor) => pick(table, index, 0);
  const rows = unpacked(picked(packed), picked(scales), quantization, zeros && picked(zeros));
  return reshape(rows, [...ids.shape, width]);
}
