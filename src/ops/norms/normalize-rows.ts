// Row normalization, the record behind layer, RMS, group and instance norm: reads x once forward, x and g once backward.

import { groupReduceWays, type GroupReduceBy } from '../../../shaders/lib/group-reduce.wgsl.ts';
import {
  normalizeRowsGradGroups, normalizeRowsGradSerial, normalizeRowsGroups, normalizeRowsSerial, type NormalizeShape,
} from '../../../shaders/norms/normalize-rows.wgsl.ts'; // prettier-ignore
import { floatType, type Capabilities, type Kernel, type Variant } from '../../core/kernel.ts';
import { gradientOnly, type OnnxCall, type OnnxGraph, type OnnxValue } from '../../core/onnx.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { broadcastStrides, sameShape, sizeOf, stridedOffsets } from '../../core/shape.ts';
import type { Tensor, TensorSpec } from '../../core/tensor.ts';
import { add, mul, sub } from '../elementwise/binary.ts';
import { mean, sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';
import { rsqrt, square } from '../elementwise/unary.ts';

interface NormalizeAttrs {
  /** Values per row: the product of x's last axes, or a divisor of it. */
  readonly length: number;
  /** False does not subtract the mean (RMS norm). */
  readonly center: boolean;
  readonly epsilon: number;
  /** Whether weight and bias follow x. */
  readonly weight: boolean;
  readonly bias: boolean;
}

const rowsOf = ({ shape }: TensorSpec, { length }: { length: number }) => (length === 0 ? 0 : sizeOf(shape) / length);

/** Mean and 1 / √(variance + ε) of the row of x at `start`. */
function statistics(x: ArrayLike<number>, start: number, { length, center, epsilon }: NormalizeAttrs) {
  let [average, variance] = [0, 0];
  if (center) for (let i = 0; i < length; i++) average += x[start + i] / length;
  for (let i = 0; i < length; i++) variance += (x[start + i] - average) ** 2 / length;
  return { average, scale: 1 / Math.sqrt(variance + epsilon) };
}

/** The kernels' shape, from x and, if present, weight and bias. */
function shapeFor([x, ...parameters]: readonly TensorSpec[], attrs: NormalizeAttrs): NormalizeShape {
  const { length, center, epsilon } = attrs;
  const names = present(attrs);
  const strides = (name: string) =>
    names.includes(name) ? broadcastStrides(parameters[names.indexOf(name)].shape, x.shape) : null;
  const type = floatType(x.dtype);
  const [weight, bias] = [strides('weight'), strides('bias')];
  return { rows: rowsOf(x, attrs), length, center, epsilon, type, shape: x.shape, weight, bias };
}

/** Kernel variants for `shape`, best first. */
function variants(
  shape: NormalizeShape,
  { software, subgroups }: Capabilities,
  serialKernel: (shape: NormalizeShape) => Kernel,
  groupKernel: (shape: NormalizeShape, by: GroupReduceBy) => Kernel,
): Variant[] {
  const serial = { name: 'serial', kernels: [serialKernel(shape)] };
  const groups = groupReduceWays({ subgroups }).map((by) => ({ name: by, kernels: [groupKernel(shape, by)] }));
  return software || shape.length < 16 ? [serial, ...groups] : [...groups, serial];
}

const present = ({ weight, bias }: NormalizeAttrs) => [...(weight ? ['weight'] : []), ...(bias ? ['bias'] : [])];

/** How many of x's last axes make up a row; null if rows begin within an axis. */
function axesOfRow({ shape }: TensorSpec, length: number): number | null {
  for (let count = 1; count <= shape.length; count++) if (sizeOf(shape.slice(-count)) === length) return count;
  return null;
}

/** LayerNormalization where it fits; weight and bias follow as separate nodes unless they have a row's shape. */
function normalizeRowsOnnx(graph: OnnxGraph, { inputs, tensors, attrs }: OnnxCall<NormalizeAttrs>): OnnxValue {
  const [x, { shape, dtype }] = [inputs[0], tensors[0]];
  const count = axesOfRow(tensors[0], attrs.length);
  const rows = count === null ? [rowsOf(tensors[0], attrs), attrs.length] : shape;
  const rowShape = rows.slice(-(count ?? 1));
  const has = present(attrs);
  const parameter = (name: string) => (has.includes(name) ? 1 + has.indexOf(name) : null);
  const [weight, bias] = [parameter('weight'), parameter('bias')];
  const isInside = (at: number | null) => at === null || sameShape(tensors[at].shape, rowShape);
  const inside = attrs.center && count !== null && isInside(weight) && isInside(bias);
  const epsilon = { float: attrs.epsilon };
  let y = count === null ? graph.reshape(x, rows) : x;
  if (attrs.center) {
    const ones = graph.expand(graph.number(1, dtype), rowShape);
    const scale = inside && weight !== null ? inputs[weight] : ones;
    const shift = inside && bias !== null ? inputs[bias] : null;
    y = graph.node('LayerNormalization', [y, scale, shift], { axis: -rowShape.length, epsilon });
    if (inside) return y;
  } else {
    const wide = dtype === 'f16' ? graph.cast(y, 'f32') : y;
    const axes = rowShape.map((_, i) => i - rowShape.length);
    const mean = graph.node('ReduceMean', [graph.node('Mul', [wide, wide])], { axes, keepdims: 1 });
    const root = graph.node('Sqrt', [graph.node('Add', [mean, graph.number(attrs.epsilon, 'f32')])]);
    const scaled = graph.node('Div', [wide, root]);
    y = dtype === 'f16' ? graph.cast(scaled, 'f16') : scaled;
  }
  if (count === null) y = graph.reshape(y, shape);
  if (weight !== null) y = graph.node('Mul', [y, inputs[weight]]);
  return bias === null ? y : graph.node('Add', [y, inputs[bias]]);
}

/** Inputs: x, then weight and bias if present, which broadcast to x. */
export const normalizeRowsOp: KernelOp<NormalizeAttrs> = {
  name: 'normalizeRows',
  kind: 'kernels',
  stores: true,
  infer([x, ...rest]) {
    expectDType('normalizeRows', 'x', x, 'f32', 'f16');
    for (const parameter of rest) expectDType('normalizeRows', 'weight and bias', parameter, x.dtype);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  cpu({ inputs: [x, ...parameters], outputs: [y], inputSpecs: [spec, ...specs], attrs }) {
    const names = present(attrs);
    const [weight, bias] = ['weight', 'bias'].map((name) => {
      const i = names.indexOf(name);
      if (i < 0) return null;
      return { values: parameters[i], at: stridedOffsets(spec.shape, broadcastStrides(specs[i].shape, spec.shape)) };
    });
    for (let start = 0; start < x.length; start += attrs.length) {
      const { average, scale } = statistics(x, start, attrs);
      for (let i = start; i < start + attrs.length; i++) {
        const factor = weight ? weight.values[weight.at[i]] : 1;
        y[i] = (x[i] - average) * scale * factor + (bias ? bias.values[bias.at[i]] : 0);
      }
    }
  },
  gpu: ({ inputs, attrs, capabilities }) =>
    variants(shapeFor(inputs, attrs), capabilities, normalizeRowsSerial, normalizeRowsGroups),
  vjp({ inputs: [x, ...parameters], gradients: [g], attrs }) {
    const plain = { ...attrs, weight: false, bias: false };
    const weighted = attrs.weight ? mul(g!, parameters[0]) : g!;
    return [
      applyOne(normalizeRowsGradOp, [x, weighted], plain),
      // Normalized again, fused with the product, rather than kept from the forward pass.
      ...(attrs.weight ? [mul(applyOne(normalizeRowsOp, [x], plain), g!)] : []),
      ...(attrs.bias ? [g!] : []),
    ];
  },
  flops: ([x]) => 8 * sizeOf(x.shape),
  onnx: normalizeRowsOnnx,
};

/** The gradient of x, from x and the gradient of its normalized rows. */
export const normalizeRowsGradOp: KernelOp<NormalizeAttrs> = {
  name: 'normalizeRowsGrad',
  kind: 'kernels',
  stores: true,
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  cpu({ inputs: [x, g], outputs: [dx], attrs }) {
    const { length, center } = attrs;
    for (let start = 0; start < x.length; start += length) {
      const { average, scale } = statistics(x, start, attrs);
      let [meanGradient, slope] = [0, 0];
      for (let i = start; i < start + length; i++) {
        if (center) meanGradient += g[i] / length;
        slope += (g[i] * (x[i] - average) * scale) / length;
      }
      for (let i = start; i < start + length; i++) {
        dx[i] = scale * (g[i] - meanGradient - (x[i] - average) * scale * slope);
      }
    }
  },
  gpu: ({ inputs: [x], attrs, capabilities }) =>
    variants(shapeFor([x], attrs), capabilities, normalizeRowsGradSerial, normalizeRowsGradGroups),
  // With n = normalized x, s = 1 / √(variance + ε), L values per row, and J the symmetric matrix such that dx = J·g:
  // the gradient of h·J·g by g is J·h, and by x it is -(s / L) · (n · Σ h·dx + Σ h·n · J·g + Σ g·n · J·h).
  vjp({ inputs: [x, g], outputs: [dx], gradients: [h], attrs }) {
    const { length, center, epsilon } = attrs;
    const rows = (t: Tensor) => reshape(t, [rowsOf(x, attrs), length]);
    const total = (t: Tensor) => sum(t, 1, true);
    const [x2, g2, h2, jg] = [x, g, h!, dx].map(rows);
    const forG = applyOne(normalizeRowsGradOp, [x, h!], attrs);
    const centred = center ? sub(x2, mean(x2, 1, true)) : x2;
    const scale = rsqrt(add(mean(square(centred), 1, true), epsilon));
    const normal = mul(centred, scale);
    const terms = add(
      mul(normal, total(mul(h2, jg))),
      add(mul(jg, total(mul(h2, normal))), mul(rows(forG), total(mul(g2, normal)))),
    );
    return [reshape(mul(terms, mul(scale, -1 / length)), x.shape), forG];
  },
  flops: ([x]) => 12 * sizeOf(x.shape),
  onnx: gradientOnly,
};

/** Settings of `normalizeRows`. */
export interface NormalizeOptions {
  readonly center?: boolean;
  readonly epsilon: number;
  /** They broadcast to x. */
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
}

/** Each `length` values of x, in memory order, normalized to mean 0 and variance 1, then times weight, plus bias. */
export function normalizeRows(x: Tensor, length: number, options: NormalizeOptions): Tensor {
  const { center = true, epsilon, weight, bias } = options;
  const parameters = [weight, bias].filter((parameter) => !!parameter);
  const attrs = { length, center, epsilon, weight: !!weight, bias: !!bias };
  return applyOne(normalizeRowsOp, [x, ...parameters], attrs);
}
