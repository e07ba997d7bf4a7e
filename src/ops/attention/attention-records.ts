// The records behind scaledDotProductAttention: forward, and the gradients of q, of k and v, and of the mask.

import type { AttentionShape } from '../../../shaders/attention/attention.wgsl.ts';
import { isFloat } from '../../core/dtype.ts';
import { elementType, type Capabilities, type Variant } from '../../core/kernel.ts';
import { gradientOnly, randomOnly } from '../../core/onnx.ts';
import { applyOne, type CpuArray, type CpuCall, type KernelOp } from '../../core/op.ts';
import { broadcastStrides } from '../../core/shape.ts';
import type { TensorSpec } from '../../core/tensor.ts';
import { attentionForward, forPairs, type AttentionArrays, type Pair } from './attention-reference.ts';
import { composedAttention } from './attention-composed.ts';
import {
  attentionVariants, keyGradientVariants, maskGradientVariants, queryGradientVariants,
} from './attention-variants.ts'; // prettier-ignore
import { mul } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { concat } from '../movement/concat.ts';
import { sum } from '../reductions/reduce.ts';
import { slice } from '../movement/slice.ts';

export interface AttentionAttrs {
  readonly scale: number;
  readonly causal: boolean;
  /** Whether `mask` follows q, k, v, and what `numbers` after it holds: the number of keys, u32[1], or a random key, u32[2]. */
  readonly mask: boolean;
  readonly numbers: 'length' | 'dropout' | null;
  readonly dropout: { readonly p: number; readonly stream: number };
}

/** Input names of all four records: q, k, v [B, H, T|S, D]; gradients have g and statistics before the optional ones. */
const namesOf = ({ mask, numbers }: AttentionAttrs, gradient: boolean): string[] => [
  'q', 'k', 'v',
  ...(gradient ? ['g', 'statistics'] : []),
  ...(mask ? ['mask'] : []),
  ...(numbers ? ['numbers'] : []),
]; // prettier-ignore

function shapeFor(inputs: readonly TensorSpec[], attrs: AttentionAttrs, gradient: boolean): AttentionShape {
  const [q, k, v] = inputs;
  const [batch, heads, rows, depth] = q.shape;
  const [, keyHeads, keys] = k.shape;
  const mask = attrs.mask ? inputs[gradient ? 5 : 3] : null;
  const strides = mask && broadcastStrides(mask.shape, [batch, heads, rows, keys]);
  return {
    batch, heads, keyHeads, rows, keys, depth,
    width: v.shape[3],
    scale: attrs.scale,
    causal: attrs.causal,
    mask: mask && { strides: strides!, type: elementType(mask.dtype) as 'f32' | 'f16' | 'u32' },
    numbers: attrs.numbers,
    dropout: attrs.dropout,
    half: q.dtype === 'f16',
  }; // prettier-ignore
}

/** The arrays of a CPU call by name. */
const arraysOf = <T = AttentionArrays>({ inputs, attrs }: CpuCall<AttentionAttrs>, gradient: boolean): T =>
  Object.fromEntries(namesOf(attrs, gradient).map((name, i) => [name, inputs[i]])) as T;

type GradientArrays = Parameters<typeof forPairs>[1];

/** FLOPs of `products` products over all pairs of a row and a key. */
const flops = (s: AttentionShape, products: number): number =>
  products * s.batch * s.heads * s.rows * s.keys * (s.depth + s.width);

export const attentionOp: KernelOp<AttentionAttrs> = {
  name: 'attention',
  kind: 'kernels',
  infer: ([q, , v]) => [
    { shape: q.shape.with(3, v.shape[3]), dtype: q.dtype },
    { shape: q.shape.with(3, 2), dtype: 'f32' },
  ],
  cpu(call) {
    const [o, sums] = call.outputs;
    attentionForward(shapeFor(call.inputSpecs, call.attrs, false), arraysOf(call, false), o, sums);
  },
  gpu: ({ inputs, attrs, capabilities }) => attentionVariants(shapeFor(inputs, attrs, false), capabilities),
  vjp({ inputs, outputs: [o, sums], gradients: [g], attrs }) {
    const [q, k, v, ...others] = inputs;
    const delta = sum(mul(cast(g!, 'f32'), cast(o, 'f32')), 3, true); // [B, H, T, 1]
    const given = [q, k, v, g!, concat([sums, delta], 3), ...others];
    const dkv = applyOne(attentionGradKeyOp, given, attrs); // [B, Hkv, S, D + width of v]
    const part = (from: number, to: number) => slice(dkv, [0, 0, 0, from], dkv.shape.with(3, to));
    const [depth, both] = [q.shape[3], dkv.shape[3]];
    const hasMaskGradient = attrs.mask && isFloat(others[0].dtype);
    return [
      applyOne(attentionGradQueryOp, given, attrs),
      part(0, depth),
      part(depth, both),
      ...(attrs.mask ? [hasMaskGradient ? applyOne(attentionGradMaskOp, given, attrs) : null] : []),
      ...(attrs.numbers ? [null] : []),
    ];
  },
  onnx: {
    as([q, k, v, ...others], { scale, causal, mask, numbers }) {
      if (numbers === 'dropout')
        throw new Error(`exportOnnx: attention cannot be exported to ONNX. ${randomOnly.none}`);
      const options = { scale, isCausal: causal, length: numbers === 'length' ? others.at(-1) : undefined };
      const [q32, k32, v32] = [q, k, v].map((x) => cast(x, 'f32'));
      return cast(composedAttention(q32, k32, v32, mask ? others[0] : undefined, options), q.dtype);
    },
  },
  flops: (inputs, _, attrs) => flops(shapeFor(inputs, attrs, false), 2),
};

/** What is specific to one gradient's record. */
interface GradientRecord {
  readonly name: string;
  infer(inputs: readonly TensorSpec[], s: AttentionShape): TensorSpec;
  /** Adds a pair's contribution to the output. */
  add(s: AttentionShape, arrays: GradientArrays, output: CpuArray, pair: Pair): void;
  variants(s: AttentionShape, capabilities: Capabilities, output: TensorSpec): Variant[];
  readonly products: number;
}

/** The record of one gradient. It has no gradient itself: for higher derivatives, use attention without flash. */
const gradientOp = ({ name, infer, add, variants, products }: GradientRecord): KernelOp<AttentionAttrs> => ({
  name,
  kind: 'kernels',
  infer: (inputs, attrs) => [infer(inputs, shapeFor(inputs, attrs, true))],
  cpu(call) {
    const s = shapeFor(call.inputSpecs, call.attrs, true);
    const arrays = arraysOf<GradientArrays>(call, true);
    // Accumulated in float64 and rounded once.
    const total = new Float64Array(call.outputs[0].length);
    forPairs(s, arrays, (pair) => add(s, arrays, total, pair));
    call.outputs[0].set(total);
  },
  gpu: ({ inputs, outputs, attrs, capabilities }) => variants(shapeFor(inputs, attrs, true), capabilities, outputs[0]),
  vjp: 'none',
  noGradient: 'For second derivatives call scaledDotProductAttention with { flash: false }.',
  onnx: gradientOnly,
  flops: (inputs, _, attrs) => flops(shapeFor(inputs, attrs, true), products),
});

/** Adds `factor` times row `from` of `x` to `y` at offset `to`. */
function addRow(y: CpuArray, to: number, factor: number, x: CpuArray, from: number, size: number): void {
  for (let d = 0; d < size; d++) y[to + d] += factor * x[from * size + d];
}

export const attentionGradQueryOp = gradientOp({
  name: 'attentionGradQuery',
  infer: ([q]) => ({ shape: q.shape, dtype: q.dtype }),
  add: (s, { k }, dq, { row, key, change }) => addRow(dq, row * s.depth, s.scale * change, k, key, s.depth),
  variants: queryGradientVariants,
  products: 3,
});

export const attentionGradKeyOp = gradientOp({
  name: 'attentionGradKey',
  infer: ([, k], { depth, width }) => ({ shape: k.shape.with(3, depth + width), dtype: k.dtype }),
  add(s, { q, g }, dkv, { row, key, weight, change }) {
    const to = key * (s.depth + s.width);
    addRow(dkv, to, s.scale * change, q, row, s.depth);
    addRow(dkv, to + s.depth, weight, g, row, s.width);
  },
  variants: keyGradientVariants,
  products: 4,
});

export const attentionGradMaskOp = gradientOp({
  name: 'attentionGradMask',
  infer: (inputs) => ({ shape: inputs[5].shape, dtype: inputs[5].dtype }),
  add(_s, _arrays, dmask, { mask, change }) {
    dmask[mask] += change;
  },
  variants: (s, _capabilities, { shape }) => maskGradientVariants(s, shape),
  products: 2,
});
