// Reductions over any axes: sum, mean, product, largest and smallest value.

import { groupReduceWays, type Combine, type GroupReduceBy } from '../../../shaders/lib/group-reduce.wgsl.ts';
import { mergeAxes } from '../../../shaders/lib/index.wgsl.ts';
import { f32Literal } from '../../../shaders/lib/literal.wgsl.ts';
import {
  reduceGroups, reduceInFours, reduceSerial, reduceSplits, type ReduceShape,
} from '../../../shaders/reductions/reduce.wgsl.ts'; // prettier-ignore
import { isFloat, type DType } from '../../core/dtype.ts';
import { elementType, type Capabilities, type Variant } from '../../core/kernel.ts';
import { applyOne, type KernelCall, type KernelOp, type Op, type VjpCall } from '../../core/op.ts';
import { formatShape, reducedShape, resolveAxes, sizeOf, stridedOffsets, stridesOf } from '../../core/shape.ts';
import type { Tensor, TensorSpec } from '../../core/tensor.ts';
import { div, mul } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { eq } from '../elementwise/compare.ts';
import { inHeldType } from '../lib/onnx.ts';
import { expand } from '../movement/expand.ts';
import { reshape } from '../movement/reshape.ts';
import { productOfOthers } from './scan.ts';
import { where } from '../elementwise/where.ts';

interface ReduceAttrs {
  /** Sorted axes counted from the front. */
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** What is specific to one reduction; `count` is the number of values reduced to one. */
interface Reduction {
  readonly name: string;
  readonly identity: number;
  readonly wgsl: Combine;
  cpu(a: number, b: number): number;
  scale?(count: number): number;
  /** True if integers have no such value, or would soon overflow. */
  readonly onlyFloats?: boolean;
  /** Its node in ONNX. */
  readonly onnx: string;
  /** Gradient of x; `spread` repeats a tensor of the output's size over the reduced axes. */
  vjp(g: Tensor, call: VjpCall<ReduceAttrs>, spread: (t: Tensor) => Tensor): Tensor;
}

const axesOf = ({ shape }: TensorSpec, { axes }: ReduceAttrs) => {
  const strides = stridesOf(shape);
  const pick = (values: readonly number[], reduced: boolean) => values.filter((_, i) => axes.includes(i) === reduced);
  return {
    kept: pick(shape, false),
    keptStrides: pick(strides, false),
    reduced: pick(shape, true),
    reducedStrides: pick(strides, true),
  };
};

const countOf = (x: TensorSpec, { axes }: ReduceAttrs) => sizeOf(axes.map((axis) => x.shape[axis]));

function reduction(r: Reduction): KernelOp<ReduceAttrs> {
  return {
    name: r.name,
    kind: 'kernels',
    stores: true,
    infer([x], attrs) {
      if (x.dtype === 'bool' || (r.onlyFloats && !isFloat(x.dtype))) {
        const takes = r.onlyFloats ? 'f32 or f16' : 'numbers';
        throw new Error(`${r.name}: takes ${takes}, but x is ${x.dtype}; cast it first.`);
      }
      if (!Number.isFinite(r.identity) && countOf(x, attrs) === 0) {
        throw new Error(`${r.name}: there is nothing to reduce along axes [${attrs.axes}] of ${formatShape(x.shape)}.`);
      }
      return [{ shape: reducedShape(x.shape, attrs.axes, attrs.keepdims), dtype: x.dtype }];
    },
    cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
      const { kept, keptStrides, reduced, reducedStrides } = axesOf(inputSpecs[0], attrs);
      const inner = stridedOffsets(reduced, reducedStrides);
      const scale = r.scale?.(inner.length) ?? 1;
      stridedOffsets(kept, keptStrides).forEach((base, i) => {
        let total = r.identity;
        for (let j = 0; j < inner.length; j++) total = r.cpu(total, x[base + inner[j]]);
        y[i] = total * scale;
      });
    },
    gpu: (call) => variants(r, call),
    vjp(call) {
      const [x] = call.inputs;
      const keptShape = reducedShape(x.shape, call.attrs.axes, true);
      const spread = (t: Tensor) => expand(reshape(t, keptShape), x.shape);
      return [r.vjp(spread(call.gradients[0]!), call, spread)];
    },
    onnx: inHeldType((graph, [x], { attrs: { axes, keepdims } }) => {
      if (axes.length === 0) return x;
      // In opset 17 only ReduceSum takes its axes as an input.
      return r.onnx === 'ReduceSum'
        ? graph.node(r.onnx, [x, graph.ints(axes)], { keepdims: Number(keepdims) })
        : graph.node(r.onnx, [x], { axes, keepdims: Number(keepdims) });
    }),
    flops: ([x]) => sizeOf(x.shape),
  };
}

/** Smallest and largest value of each type that kernels reduce in. */
const EXTREMES = {
  f32: ['-3.4028234663852886e38f', '3.4028234663852886e38f'],
  i32: ['(-2147483647 - 1)', '2147483647'],
  u32: ['0u', '4294967295u'],
} as const;

/** The type that a reduction computes in: never f16. */
const accumulatorType = (dtype: DType): keyof typeof EXTREMES =>
  dtype === 'i32' ? 'i32' : dtype === 'u32' || dtype === 'bool' ? 'u32' : 'f32';

function variants(
  r: Reduction,
  { inputs: [x], outputs: [y], attrs, capabilities }: KernelCall<ReduceAttrs>,
): Variant[] {
  const type = accumulatorType(x.dtype);
  const count = countOf(x, attrs);
  const shape: ReduceShape = {
    ...axesOf(x, attrs),
    op: r.name,
    type,
    given: elementType(x.dtype),
    stored: elementType(y.dtype),
    identity: Number.isFinite(r.identity) ? `${type}(${r.identity})` : EXTREMES[type][r.identity > 0 ? 1 : 0],
    combine: r.wgsl,
    finish: r.scale ? `total * ${f32Literal(r.scale(count))}` : 'total',
  };
  const outputs = sizeOf(y.shape);
  /** Neighbours across the reduced axes are read as vec4s only on software adapters, where few threads suffice. */
  const bySerial = (one: ReduceShape) => {
    const fours = reduceInFours(one);
    return reduceSerial(fours.fours === 'across' && !capabilities.software ? one : fours);
  };
  const byGroups = (by: GroupReduceBy) => (one: ReduceShape) => {
    const fours = reduceInFours(joined(one));
    return reduceGroups(fours.fours === 'across' ? one : fours, by);
  };
  const serial = { name: 'serial', kernels: [bySerial(shape)] };
  const groups = groupReduceWays(capabilities).map((by) => ({ name: by, kernels: [byGroups(by)(shape)] }));
  // One thread per output is enough once every lane of a GPU has one, or if each has little to add.
  const whole = capabilities.software || count < 64 || outputs >= 65536 ? [serial, ...groups] : [...groups, serial];

  const split = reduceInFours(joined(shape));
  const splits = splitsFor(outputs, sizeOf(split.kept), count, capabilities);
  if (splits < 2) return whole;
  const dealt = { count: splits, outputsFirst: shape.keptStrides.at(-1) === 1 };
  const splitSerial = reduceSplits(split, outputs, dealt, bySerial);
  const splitTree = reduceSplits(split, outputs, dealt, byGroups('tree'));
  if (capabilities.software) return [splitSerial, ...whole, splitTree];
  // One workgroup sums a few thousand values before a second kernel could start.
  return count < 16384 ? [...whole, splitTree, splitSerial] : [splitTree, ...whole, splitSerial];
}

/** The same with contiguous reduced axes merged. */
function joined(shape: ReduceShape): ReduceShape {
  const merged = mergeAxes(shape.reduced, shape.reducedStrides);
  return { ...shape, reduced: merged.shape, reducedStrides: merged.strides };
}

/**
 * Number of parts into which each output's values are split, to give every lane work; one part of all outputs takes `lanes`.
 * 1 if parts would be short.
 */
function splitsFor(outputs: number, lanes: number, count: number, { software }: Capabilities): number {
  if (outputs > 256 || count < 1024) return 1;
  return Math.min(Math.ceil(count / 64), Math.ceil((software ? 1024 : 65536) / lanes));
}

const sumOp = reduction({
  name: 'sum',
  onnx: 'ReduceSum',
  identity: 0,
  wgsl: 'a + b',
  cpu: (a, b) => a + b,
  vjp: (g) => g,
});

const meanOp = reduction({
  name: 'mean',
  onnx: 'ReduceMean',
  identity: 0,
  wgsl: 'a + b',
  cpu: (a, b) => a + b,
  scale: (count) => 1 / count,
  onlyFloats: true,
  vjp: (g, { inputs: [x], attrs }) => mul(g, 1 / countOf(x, attrs)),
});

const prodOp = reduction({
  name: 'prod',
  onnx: 'ReduceProd',
  identity: 1,
  wgsl: 'a * b',
  cpu: (a, b) => a * b,
  onlyFloats: true,
  vjp: (g, { inputs: [x], attrs }) => mul(g, productOfOthers(x, attrs.axes)),
});

/** All positions that hold the extreme value share its gradient. */
const shareAmongTies: Reduction['vjp'] = (g, { inputs: [x], outputs: [y], attrs }, spread) => {
  const isExtreme = eq(x, spread(y));
  const ties = applyOne(sumOp, [cast(isExtreme, x.dtype)], attrs);
  return where(isExtreme, div(g, spread(ties)), 0);
};

const maxOp = reduction({
  name: 'max',
  identity: -Infinity,
  wgsl: 'max(a, b)',
  cpu: Math.max,
  onnx: 'ReduceMax',
  vjp: shareAmongTies,
});
const minOp = reduction({
  name: 'min',
  identity: Infinity,
  wgsl: 'min(a, b)',
  cpu: Math.min,
  onnx: 'ReduceMin',
  vjp: shareAmongTies,
});

export type Reduce = (x: Tensor, axes?: number | readonly number[], keepdims?: boolean) => Tensor;

function reduceFunction(op: Op<ReduceAttrs>): Reduce {
  return (x, axes, keepdims = false) =>
    applyOne(op, [x], { axes: resolveAxes(op.name, axes, x.shape.length), keepdims });
}

/** Sum over `axes` (all by default); `keepdims` keeps them with size 1. */
export const sum: Reduce = reduceFunction(sumOp);
/** Mean over `axes` (all by default); `keepdims` keeps them with size 1. */
export const mean: Reduce = reduceFunction(meanOp);
/** Product over `axes` (all by default) of f32 or f16; gradients of any order are correct even with zeros. */
export const prod: Reduce = reduceFunction(prodOp);
/** Largest value over `axes` (all by default); equal ones share the gradient, as in torch.amax. */
export const max: Reduce = reduceFunction(maxOp);
/** Smallest value over `axes` (all by default); equal ones share the gradient, as in torch.amin. */
export const min: Reduce = reduceFunction(minOp);

export const reduceOps = [sumOp, meanOp, prodOp, maxOp, minOp];
