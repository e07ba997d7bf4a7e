// The records behind scaledDotProductAttention: forward, and the gradients of q, of k and v, and of the mask.

import * as shader from '../../../shaders/attention/attention.wgsl.ts';
import * as decodeShader from '../../../shaders/attention/attention-decode.wgsl.ts';
import * as gradShader from '../../../shaders/attention/attention-grad.wgsl.ts';
import * as tileShader from '../../../shaders/attention/attention-tile.wgsl.ts';
import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import { isFloat } from '../../core/dtype.ts';
import { linearGrid, type Binding, type Kernel } from '../../core/kernel.ts';
import { gradientOnly, randomOnly } from '../../core/onnx.ts';
import { applyOne, type CpuArray, type CpuCall, type KernelCall, type KernelOp, type Variant } from '../../core/op.ts';
import { broadcastStrides, sizeOf } from '../../core/shape.ts';
import { spec, type TensorSpec } from '../../core/tensor.ts';
import { attentionForward, forPairs, type AttentionArrays, type Pair } from './attention-reference.ts';
import { composedAttention } from './attention-composed.ts';
import {
  keyScoresVariants,
  queryScoresVariants,
  scoresVariants,
  type GradientVariants,
} from './attention-scores-variants.ts';
import { mul } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { concat } from '../movement/concat.ts';
import { elementType } from '../lib/element-type.ts';
import { sum } from '../reductions/reduce.ts';
import { slice } from '../movement/slice.ts';

export interface AttentionAttrs {
  readonly scale: number;
  readonly causal: boolean;
  /** Whether `mask` follows q, k, v, and what is in `numbers` after it: u32[1] of keys, or u32[2] of random key. */
  readonly mask: boolean;
  readonly numbers: 'length' | 'dropout' | null;
  readonly dropout: { readonly p: number; readonly stream: number };
}

/** Inputs of all four records: q, k, v [B, H, T|S, D]; those of gradients have g and statistics before the optional ones. */
const namesOf = ({ mask, numbers }: AttentionAttrs, gradient: boolean): string[] => [
  'q', 'k', 'v',
  ...(gradient ? ['g', 'statistics'] : []),
  ...(mask ? ['mask'] : []),
  ...(numbers ? ['numbers'] : []),
]; // prettier-ignore

function describe(inputs: readonly TensorSpec[], attrs: AttentionAttrs, gradient: boolean): shader.AttentionShape {
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
type Call = KernelCall<AttentionAttrs>;

/** The family's usual inputs as kernels bind them. */
function bindingsOf(s: shader.AttentionShape, attrs: AttentionAttrs, gradient: boolean): Binding[] {
  const types: Record<string, Binding['type']> = {
    q: shader.bindingType(s.depth, s.half),
    k: shader.bindingType(s.depth, s.half),
    v: shader.bindingType(s.width, s.half),
    g: shader.bindingType(s.width, s.half),
    statistics: 'f32',
    mask: s.mask?.type ?? 'f32',
    numbers: 'u32',
  };
  return namesOf(attrs, gradient).map((name) => ({ name, type: types[name] }));
}

/** A kernel with a thread for each of `threads`, and one with a workgroup for each of `tiles`; both give `outputs`. */
interface Kernels {
  readonly name: string;
  readonly outputs: readonly Binding[];
  readonly serial: string;
  readonly threads: number;
  /** Made only where it can run. */
  readonly flash?: () => string;
  readonly tiles?: number;
}

/** Whether tiles are worth it, and fit a thread's registers. */
const fitsTiles = (s: shader.AttentionShape): boolean =>
  s.rows > decodeShader.DECODE_ROWS && Math.max(s.depth, s.width) <= tileShader.LARGEST_DEPTH;

/** The variants of a record, best first. */
function variantsOf(
  { capabilities }: Call,
  s: shader.AttentionShape,
  inputs: readonly Binding[],
  kernels: Kernels,
): Variant[] {
  const variant = (name: string, wgsl: string, workgroups: Kernel['workgroups']): Variant => ({
    name,
    kernels: [{ name: `${kernels.name}.${name}`, wgsl, inputs, outputs: kernels.outputs, workgroups }],
  });
  const serial = variant('serial', kernels.serial, linearGrid(kernels.threads, LINEAR_WORKGROUP));
  if (!kernels.flash || !fitsTiles(s)) return [serial];
  const flash = variant('flash', kernels.flash(), linearGrid(kernels.tiles!, 1));
  return capabilities.software ? [serial, flash] : [flash, serial];
}

/** The forward variant for a few rows and many keys. */
function decodeVariant(s: shader.AttentionShape, inputs: readonly Binding[], outputs: readonly Binding[]): Variant {
  const parts: Binding = { name: 'parts', type: 'vec4<f32>' };
  const split: Kernel = {
    name: 'attention.decode',
    wgsl: decodeShader.attentionSplitKernel(s),
    inputs: [...inputs, parts],
    outputs: outputs.map(() => null),
    workgroups: linearGrid(s.batch * s.heads * s.rows * decodeShader.decodeParts(s), 1),
  };
  const merge: Kernel = {
    name: 'attention.merge',
    wgsl: decodeShader.attentionMergeKernel(s),
    inputs: [...inputs.map(() => null), parts],
    outputs,
    workgroups: linearGrid(decodeShader.mergeThreads(s), LINEAR_WORKGROUP),
  };
  return { name: 'decode', kernels: [split, merge], scratch: [spec(decodeShader.decodeScratch(s))] };
}

/** Products of q and k, and of weights and v, over all pairs of a row and a key. */
const flops = (s: shader.AttentionShape, products: number): number =>
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
    attentionForward(describe(call.inputSpecs, call.attrs, false), arraysOf(call, false), o, sums);
  },
  gpu(call) {
    const s = describe(call.inputs, call.attrs, false);
    const outputs: Binding[] = [
      { name: 'o', type: shader.bindingType(s.width, s.half) },
      { name: 'sums', type: 'f32' },
    ];
    const inputs = bindingsOf(s, call.attrs, false);
    const given = variantsOf(call, s, inputs, {
      name: 'attention',
      outputs,
      serial: shader.attentionSerialKernel(s),
      threads: s.batch * s.heads * s.rows,
      flash: () => tileShader.attentionTileKernel(s),
      tiles: tileShader.queryTiles(s),
    });
    const variants = [...scoresVariants(s, inputs, outputs, call.capabilities), ...given];
    if (s.keys === 0 || s.rows > decodeShader.DECODE_ROWS) return variants;
    const decode = decodeVariant(s, inputs, outputs);
    return call.capabilities.software ? [...variants, decode] : [decode, ...variants];
  },
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
      if (numbers === 'dropout') throw new Error(`exportOnnx: attention has no form in ONNX. ${randomOnly.none}`);
      const options = { scale, isCausal: causal, length: numbers === 'length' ? others.at(-1) : undefined };
      const [q32, k32, v32] = [q, k, v].map((x) => cast(x, 'f32'));
      return cast(composedAttention(q32, k32, v32, mask ? others[0] : undefined, options), q.dtype);
    },
  },
  flops: (inputs, _, attrs) => flops(describe(inputs, attrs, false), 2),
};

/** What the records of the gradients differ in. */
interface GradientRecord {
  readonly name: string;
  infer(inputs: readonly TensorSpec[], s: shader.AttentionShape): TensorSpec;
  /** Adds a pair's part to the output. */
  add(s: shader.AttentionShape, arrays: GradientArrays, output: CpuArray, pair: Pair): void;
  kernels(s: shader.AttentionShape, output: TensorSpec): Omit<Kernels, 'name'>;
  /** What comes before them. */
  readonly inMemory?: GradientVariants;
  readonly products: number;
}

/** The record of one gradient. It has no gradient itself: attention without flash has all derivatives. */
const gradientOp = ({ name, infer, add, kernels, inMemory, products }: GradientRecord): KernelOp<AttentionAttrs> => ({
  name,
  kind: 'kernels',
  infer: (inputs, attrs) => [infer(inputs, describe(inputs, attrs, true))],
  cpu(call) {
    const s = describe(call.inputSpecs, call.attrs, true);
    const arrays = arraysOf<GradientArrays>(call, true);
    // Summed up in float64, and rounded once.
    const total = new Float64Array(call.outputs[0].length);
    forPairs(s, arrays, (pair) => add(s, arrays, total, pair));
    call.outputs[0].set(total);
  },
  gpu(call) {
    const s = describe(call.inputs, call.attrs, true);
    const inputs = bindingsOf(s, call.attrs, true);
    return [
      ...(inMemory?.(s, inputs, call.capabilities) ?? []),
      ...variantsOf(call, s, inputs, { name, ...kernels(s, call.outputs[0]) }),
    ];
  },
  vjp: 'none',
  noGradient: 'For second derivatives call scaledDotProductAttention with { flash: false }.',
  onnx: gradientOnly,
  flops: (inputs, _, attrs) => flops(describe(inputs, attrs, true), products),
});

/** Adds `factor` times row `from` of `x` to `y` from element `to` on. */
function addRow(y: CpuArray, to: number, factor: number, x: CpuArray, from: number, size: number): void {
  for (let d = 0; d < size; d++) y[to + d] += factor * x[from * size + d];
}

export const attentionGradQueryOp = gradientOp({
  name: 'attentionGradQuery',
  infer: ([q]) => ({ shape: q.shape, dtype: q.dtype }),
  add: (s, { k }, dq, { row, key, change }) => addRow(dq, row * s.depth, s.scale * change, k, key, s.depth),
  kernels: (s) => ({
    outputs: [{ name: 'dq', type: shader.bindingType(s.depth, s.half) }],
    serial: gradShader.attentionGradQuerySerialKernel(s),
    threads: s.batch * s.heads * s.rows,
    flash: () => tileShader.attentionGradQueryTileKernel(s),
    tiles: tileShader.queryTiles(s),
  }),
  inMemory: queryScoresVariants,
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
  kernels: (s) => ({
    outputs: [{ name: 'dkv', type: gradShader.keyGradientType(s) }],
    serial: gradShader.attentionGradKeySerialKernel(s),
    threads: s.batch * s.keyHeads * s.keys,
    flash: () => tileShader.attentionGradKeyTileKernel(s),
    tiles: tileShader.keyTiles(s),
  }),
  inMemory: keyScoresVariants,
  products: 4,
});

export const attentionGradMaskOp = gradientOp({
  name: 'attentionGradMask',
  infer: (inputs) => ({ shape: inputs[5].shape, dtype: inputs[5].dtype }),
  add(_s, _arrays, dmask, { mask, change }) {
    dmask[mask] += change;
  },
  kernels: (s, { shape }) => ({
    outputs: [{ name: 'dmask', type: s.mask!.type }],
    serial: gradShader.attentionGradMaskKernel(s, shape),
    threads: sizeOf(shape),
  }),
  products: 2,
});
