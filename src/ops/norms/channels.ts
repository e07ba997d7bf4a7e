// Sums over channels, the records behind batch norm: mean and variance, and the sums in its gradient.

import {
  channelSerial, channelSplit, channelTree, gradientSum, momentsSum, type ChannelShape, type ChannelSum,
} from '../../../shaders/norms/channels.wgsl.ts'; // prettier-ignore
import { floatType, type Capabilities, type Variant } from '../../core/kernel.ts';
import { gradientOnly } from '../../core/onnx.ts';
import { apply, applyOne, expectDType, type Op } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import { spec, toTensor, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { add, div, mul, sub } from '../elementwise/binary.ts';
import { nested } from '../lib/onnx.ts';
import { expand } from '../movement/expand.ts';
import { alike, pointwise } from '../elementwise/pointwise.ts';
import { reshape } from '../movement/reshape.ts';
import { mean } from '../reductions/reduce.ts';
import { sumTo } from '../reductions/sum-to.ts';
import { neg, rsqrt, square } from '../elementwise/unary.ts';

/** Fewest values of a part, and most parts of a channel. */
const [PART, MOST_PARTS] = [4096, 64];

const shapeFor = ({ shape, dtype }: TensorSpec): ChannelShape => ({
  batch: shape[0],
  channels: shape[1],
  inner: sizeOf(shape.slice(2)),
  type: floatType(dtype),
});

/** Number of values in a channel of x. */
export const channelCount = (x: TensorSpec): number => (x.shape[0] ?? 0) * sizeOf(x.shape.slice(2));

/** `perChannel` [C], reshaped to broadcast to [N, C, ...]. */
export const alongChannels = (perChannel: Tensor, { shape }: TensorSpec): Tensor =>
  reshape(perChannel, [perChannel.size, ...shape.slice(2).map(() => 1)]);

/** Calls `visit` with each element of x and its channel. */
function forEachValue(x: TensorSpec, visit: (at: number, channel: number) => void): void {
  const { batch, channels, inner } = shapeFor(x);
  for (let row = 0; row < batch * channels; row++) {
    for (let i = 0; i < inner; i++) visit(row * inner + i, row % channels);
  }
}

/** Kernel variants that compute `sum` over the channels of x, best first. */
function variants(x: TensorSpec, capabilities: Capabilities, sum: ChannelSum): Variant[] {
  const shape = shapeFor(x);
  const { channels, inner } = shape;
  const count = channelCount(x);
  const serial = { name: 'serial', kernels: [channelSerial(shape, sum)] };
  const tree = { name: 'tree', kernels: [channelTree(shape, sum)] };
  const split = channelSplit(shape, sum, Math.min(MOST_PARTS, Math.max(2, Math.ceil(count / PART))));
  if (capabilities.software) return [serial, tree, split];
  // Neighbouring threads of `serial` read neighbouring channels, which are contiguous only without inner axes.
  if (inner < 8 && count <= 1024) return [serial, tree, split];
  return channels < 1024 && count >= 2 * PART ? [split, tree, serial] : [tree, split, serial];
}

/** Mean and (biased) variance of each channel of [N, C, ...]: two outputs, [C]. */
export const channelMomentsOp: Op = {
  name: 'channelMoments',
  kind: 'kernels',
  infer([x]) {
    expectDType('channelMoments', 'x', x, 'f32', 'f16');
    if (x.shape.length < 2 || channelCount(x) === 0) {
      throw new Error(`channelMoments: x must be [N, C, ...] and not empty, but is ${formatShape(x.shape)}.`);
    }
    return [spec([x.shape[1]], x.dtype), spec([x.shape[1]], x.dtype)];
  },
  cpu({ inputs: [x], outputs: [means, variances], inputSpecs: [of] }) {
    const count = channelCount(of);
    const [sums, squares] = [new Float64Array(means.length), new Float64Array(means.length)];
    forEachValue(of, (at, channel) => (sums[channel] += x[at] / count));
    forEachValue(of, (at, channel) => (squares[channel] += (x[at] - sums[channel]) ** 2 / count));
    means.set(sums);
    variances.set(squares);
  },
  gpu: ({ inputs: [x], capabilities }) => variants(x, capabilities, momentsSum),
  vjp({ inputs: [x], outputs: [means], gradients: [forMean, forVariance] }) {
    const share = 1 / channelCount(x);
    const spread = (gradient: Tensor, factor: number) => alongChannels(mul(gradient, factor), x);
    const ofMean = forMean && spread(forMean, share);
    const ofVariance = forVariance && mul(sub(x, alongChannels(means, x)), spread(forVariance, 2 * share));
    return [ofMean && ofVariance ? add(ofMean, ofVariance) : (ofMean ?? ofVariance)];
  },
  flops: ([x]) => 5 * sizeOf(x.shape),
  onnx: {
    as([x]) {
      const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
      const average = mean(x, axes, true);
      return [reshape(average, [x.shape[1]]), mean(square(sub(x, average)), axes)];
    },
  },
};

/** Σ g and Σ g · (x - mean) · scale over each channel, from x, mean, scale and g: two outputs, [C]. */
export const channelGradientSumsOp: Op = {
  name: 'channelGradientSums',
  kind: 'kernels',
  infer: ([x]) => [spec([x.shape[1]], x.dtype), spec([x.shape[1]], x.dtype)],
  cpu({ inputs: [x, means, scales, g], outputs, inputSpecs: [of] }) {
    const totals = outputs.map(({ length }) => new Float64Array(length));
    forEachValue(of, (at, channel) => {
      totals[0][channel] += g[at];
      totals[1][channel] += g[at] * (x[at] - means[channel]) * scales[channel];
    });
    outputs.forEach((output, i) => output.set(totals[i]));
  },
  gpu: ({ inputs: [x], capabilities }) => variants(x, capabilities, gradientSum),
  vjp({ inputs: [x, means, scales, g], outputs, gradients: [forFirst, forSecond] }) {
    const first = forFirst && expand(alongChannels(forFirst, x), x.shape);
    if (!forSecond) return [null, null, null, first];
    const [second, mean, scale] = [forSecond, means, scales].map((t) => alongChannels(t, x));
    const byG = mul(second, mul(sub(x, mean), scale));
    return [
      mul(g, mul(second, scale)),
      reshape(neg(mul(second, mul(alongChannels(outputs[0], x), scale))), means.shape),
      reshape(mul(second, div(alongChannels(outputs[1], x), scale)), scales.shape),
      first ? add(first, byG) : byG,
    ];
  },
  flops: ([x]) => 4 * sizeOf(x.shape),
  onnx: gradientOnly,
};

/**
 * (x - mean) · scale · weight + bias for each channel, where mean and scale are those of x itself: the gradient of x
 * includes the paths through both, so they get none.
 */
export const channelNormOp: Op = pointwise({
  name: 'channelNorm',
  dtype: alike('channelNorm', 'f32', 'f16'),
  wgsl: ([x, mean, scale, weight, bias]) => `(${x} - ${mean}) * ${scale} * ${weight} + ${bias}`,
  cpu: ([x, mean, scale, weight, bias]) => (x - mean) * scale * weight + bias,
  vjp(g, { inputs: [x, mean, scale, weight, bias] }) {
    const sums = apply(channelGradientSumsOp, [x, mean, scale, g], {});
    const [sumG, sumGn] = sums.map((sum) => alongChannels(sum, x));
    const normal = mul(sub(x, mean), scale);
    // In this order every step has the shape of x, so all fuse into one kernel of eight buffers.
    const straight = mul(add(mul(normal, sumGn), sumG), 1 / channelCount(x));
    const forX = mul(mul(sub(g, straight), scale), weight);
    return [forX, null, null, sumTo(sumGn, weight.shape), sumTo(sumG, bias.shape)];
  },
  onnx: nested(([x, mean, scale, weight, bias]) => ['Add', ['Mul', ['Mul', ['Sub', x, mean], scale], weight], bias]),
});

/** Mean and (biased) variance of each channel of x [N, C, ...]: two tensors [C]. */
export const channelMoments = (x: Tensor): [mean: Tensor, variance: Tensor] => {
  const [mean, variance] = apply(channelMomentsOp, [x], {});
  return [mean, variance];
};

/** x with each channel normalized by its own mean and variance, times weight, plus bias ([C] each; 1 and 0 by default). */
export function normalizeChannels(
  x: Tensor,
  [mean, variance]: readonly [Tensor, Tensor],
  epsilon: number,
  weight?: Tensor | null,
  bias?: Tensor | null,
): Tensor {
  const along = (t: Tensor) => alongChannels(t, x);
  const scale = rsqrt(add(along(variance), epsilon));
  const parameters = [weight ? along(weight) : toTensor(1, x.dtype), bias ? along(bias) : toTensor(0, x.dtype)];
  return applyOne(channelNormOp, [x, along(mean), scale, ...parameters], {});
}
