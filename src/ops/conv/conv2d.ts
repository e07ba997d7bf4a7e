// 2-D convolution and its two gradients: three records with the same attributes, each the others' derivative.

import type { Conv2dShape } from '../../../shaders/conv/conv2d.wgsl.ts';
import type { DType } from '../../core/dtype.ts';
import { floatType } from '../../core/kernel.ts';
import { gradientOnly } from '../../core/onnx.ts';
import { applyOne, expectOneFloat, type KernelOp } from '../../core/op.ts';
import { expectWhole, formatShape, sizeOf, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add } from '../elementwise/binary.ts';
import { forwardVariants, gradInputVariants, gradWeightVariants } from './conv2d-variants.ts';
import { matmul } from '../matmul/matmul.ts';
import { pad } from '../movement/pad.ts';
import { sum } from '../reductions/reduce.ts';
import { flatten, reshape } from '../movement/reshape.ts';

type Pair = readonly [number, number];

/** Settings of a convolution, for height and width. */
export interface Conv2dAttrs {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  /** Input and output channels are split into this many independent groups. */
  readonly groups: number;
}

interface GradAttrs extends Conv2dAttrs {
  /** Shape of the gradient: that of the image (grad input) or of the weight (grad weight). */
  readonly shape: Shape;
}

function shapeFor(who: string, image: Shape, weight: Shape, attrs: Conv2dAttrs, dtype: DType = 'f32'): Conv2dShape {
  const { stride, padding, dilation, groups } = attrs;
  expectWhole(who, 'stride', stride, 1);
  expectWhole(who, 'padding', padding, 0);
  expectWhole(who, 'dilation', dilation, 1);
  expectWhole(who, 'groups', [groups], 1);
  const problem =
    image.length !== 4 || weight.length !== 4
      ? 'they need 4 axes, [N, C, H, W] and [O, C / groups, KH, KW]'
      : image[1] !== weight[1] * groups || weight[0] % groups !== 0
        ? `with ${groups} group(s) the image needs ${weight[1] * groups} channels`
        : null;
  const size = (axis: 0 | 1) =>
    Math.floor((image[2 + axis] + 2 * padding[axis] - dilation[axis] * (weight[2 + axis] - 1) - 1) / stride[axis]) + 1;
  if (problem || size(0) < 1 || size(1) < 1) {
    throw new Error(
      `${who}: image ${formatShape(image)} and weight ${formatShape(weight)} do not fit: ` +
        (problem ?? 'the kernel is larger than the padded image'),
    );
  }
  return {
    batch: image[0],
    inChannels: image[1],
    outChannels: weight[0],
    groups,
    image: [image[2], image[3]],
    output: [size(0), size(1)],
    kernel: [weight[2], weight[3]],
    stride,
    padding,
    dilation,
    type: floatType(dtype),
  };
}

const outputShape = ({ batch, outChannels, output }: Conv2dShape) => [batch, outChannels, ...output];

/** Calls `visit` for each product that a convolution sums, with the offsets of output, image and weight. */
function forEachProduct(s: Conv2dShape, visit: (y: number, x: number, w: number) => void): void {
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  for (let n = 0; n < s.batch; n++) {
    for (let o = 0; o < s.outChannels; o++) {
      for (let c = 0; c < groupIn; c++) {
        const plane = (n * s.inChannels + Math.floor(o / groupOut) * groupIn + c) * height;
        for (let row = 0; row < outHeight; row++) {
          for (let ky = 0; ky < kernelHeight; ky++) {
            const iy = row * s.stride[0] + ky * s.dilation[0] - s.padding[0];
            if (iy < 0 || iy >= height) continue;
            const w = ((o * groupIn + c) * kernelHeight + ky) * kernelWidth;
            for (let column = 0; column < outWidth; column++) {
              const y = ((n * s.outChannels + o) * outHeight + row) * outWidth + column;
              const left = column * s.stride[1] - s.padding[1];
              for (let kx = 0; kx < kernelWidth; kx++) {
                const ix = left + kx * s.dilation[1];
                if (ix >= 0 && ix < width) visit(y, (plane + iy) * width + ix, w + kx);
              }
            }
          }
        }
      }
    }
  }
}

/** The attributes that Conv and ConvTranspose share. */
const onnxSettings = ({ stride, padding, dilation, groups }: Conv2dAttrs) => ({
  strides: stride,
  pads: [...padding, ...padding],
  dilations: dilation,
  group: groups,
});

export const conv2dOp: KernelOp<Conv2dAttrs> = {
  name: 'conv2d',
  kind: 'kernels',
  stores: true,
  infer([x, weight, bias], attrs) {
    expectOneFloat('conv2d', { image: x, weight, bias });
    const shape = shapeFor('conv2d', x.shape, weight.shape, attrs);
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== shape.outChannels)) {
      throw new Error(`conv2d: bias must be [${shape.outChannels}], but is ${formatShape(bias.shape)}.`);
    }
    return [{ shape: outputShape(shape), dtype: x.dtype }];
  },
  cpu({ inputs: [x, weight, bias], outputs: [y], inputSpecs, attrs }) {
    const shape = shapeFor('conv2d', inputSpecs[0].shape, inputSpecs[1].shape, attrs);
    const plane = shape.output[0] * shape.output[1];
    const totals = new Float64Array(y.length);
    if (bias) for (let i = 0; i < totals.length; i++) totals[i] = bias[Math.floor(i / plane) % shape.outChannels];
    forEachProduct(shape, (iy, ix, iw) => (totals[iy] += x[ix] * weight[iw]));
    y.set(totals);
  },
  gpu: ({ inputs: [x, weight, bias], attrs, capabilities }) =>
    forwardVariants(shapeFor('conv2d', x.shape, weight.shape, attrs, x.dtype), bias !== undefined, capabilities),
  vjp({ inputs: [x, weight, bias], gradients: [g], attrs }) {
    const gradients = [conv2dGradInput(g!, weight, x.shape, attrs), conv2dGradWeight(g!, x, weight.shape, attrs)];
    return bias ? [...gradients, sum(g!, [0, 2, 3])] : gradients;
  },
  flops: ([, weight], [y]) => 2 * sizeOf(y.shape) * sizeOf(weight.shape.slice(1)),
  onnx: (graph, { inputs, tensors: [, { shape }], attrs }) =>
    graph.node('Conv', inputs, { kernel_shape: shape.slice(2), ...onnxSettings(attrs) }),
};

export const conv2dGradInputOp: KernelOp<GradAttrs> = {
  name: 'conv2dGradInput',
  kind: 'kernels',
  stores: true,
  infer([g, weight], attrs) {
    expectOneFloat('conv2dGradInput', { image: g, weight });
    const expected = outputShape(shapeFor('conv2dGradInput', attrs.shape, weight.shape, attrs));
    expectGradient('conv2dGradInput', g.shape, expected);
    return [{ shape: attrs.shape, dtype: g.dtype }];
  },
  cpu({ inputs: [g, weight], outputs: [dx], inputSpecs, attrs }) {
    const totals = new Float64Array(dx.length);
    const shape = shapeFor('conv2dGradInput', attrs.shape, inputSpecs[1].shape, attrs);
    forEachProduct(shape, (iy, ix, iw) => (totals[ix] += g[iy] * weight[iw]));
    dx.set(totals);
  },
  gpu: ({ inputs: [, weight], attrs, capabilities }) =>
    gradInputVariants(shapeFor('conv2dGradInput', attrs.shape, weight.shape, attrs, weight.dtype), capabilities),
  // Linear in both: dx(g, w), so its derivatives are the convolution and the weight gradient again.
  vjp: ({ inputs: [g, weight], gradients: [h], attrs }) => [
    conv2d(h!, weight, undefined, attrs),
    conv2dGradWeight(g, h!, weight.shape, attrs),
  ],
  flops: ([g, weight]) => 2 * sizeOf(g.shape) * sizeOf(weight.shape.slice(1)),
  // A transposed convolution; rows and columns at the end that the convolution did not read are output padding.
  onnx(graph, { inputs, tensors: [g, weight], attrs }) {
    const kernel = weight.shape.slice(2);
    const extra = kernel.map((taps, axis) => {
      const reached = (g.shape[2 + axis] - 1) * attrs.stride[axis] + attrs.dilation[axis] * (taps - 1) + 1;
      return attrs.shape[2 + axis] - reached + 2 * attrs.padding[axis];
    });
    const settings = { kernel_shape: kernel, output_padding: extra, ...onnxSettings(attrs) };
    return graph.node('ConvTranspose', inputs, settings);
  },
};

export const conv2dGradWeightOp: KernelOp<GradAttrs> = {
  name: 'conv2dGradWeight',
  kind: 'kernels',
  stores: true,
  infer([g, x], attrs) {
    expectOneFloat('conv2dGradWeight', { gradient: g, image: x });
    expectGradient('conv2dGradWeight', g.shape, outputShape(shapeFor('conv2dGradWeight', x.shape, attrs.shape, attrs)));
    return [{ shape: attrs.shape, dtype: g.dtype }];
  },
  cpu({ inputs: [g, x], outputs: [dw], inputSpecs, attrs }) {
    const totals = new Float64Array(dw.length);
    const shape = shapeFor('conv2dGradWeight', inputSpecs[1].shape, attrs.shape, attrs);
    forEachProduct(shape, (iy, ix, iw) => (totals[iw] += g[iy] * x[ix]));
    dw.set(totals);
  },
  gpu: ({ inputs: [, x], attrs, capabilities }) =>
    gradWeightVariants(shapeFor('conv2dGradWeight', x.shape, attrs.shape, attrs, x.dtype), capabilities),
  vjp: ({ inputs: [g, x], gradients: [h], attrs }) => [
    conv2d(x, h!, undefined, attrs),
    conv2dGradInput(g, h!, x.shape, attrs),
  ],
  flops: ([g], [dw]) => 2 * sizeOf(g.shape) * sizeOf(dw.shape.slice(1)),
  onnx: gradientOnly,
};

function expectGradient(who: string, found: Shape, expected: Shape): void {
  if (formatShape(found) !== formatShape(expected)) {
    throw new Error(`${who}: the gradient must be ${formatShape(expected)}, but is ${formatShape(found)}.`);
  }
}

/** The gradient of an image of `shape` from that of its convolution with `weight`: also a transposed convolution of g. */
export const conv2dGradInput = (g: Tensor, weight: Tensor, shape: Shape, attrs: Conv2dAttrs): Tensor => {
  const { stride, padding, dilation, groups } = attrs;
  const dx = applyOne(conv2dGradInputOp, [g, weight], { stride, padding, dilation, groups, shape });
  if (!isOneWindow(shapeFor('conv2dGradInput', shape, weight.shape, attrs))) return dx;
  return reshape(matmul(flatten(g), flatten(weight)), shape);
};

/** True for one window that covers the whole image: a matrix product, whose kernels are far faster. */
const isOneWindow = ({ groups, image, kernel, output, padding }: Conv2dShape): boolean =>
  groups === 1 && sizeOf(output) === 1 && Math.max(...padding) === 0 && formatShape(image) === formatShape(kernel);

const conv2dGradWeight = (g: Tensor, x: Tensor, shape: Shape, attrs: Conv2dAttrs): Tensor => {
  const { stride, padding, dilation, groups } = attrs;
  return applyOne(conv2dGradWeightOp, [g, x], { stride, padding, dilation, groups, shape });
};

/** One number for both axes, or [height, width]. */
export type Sizes = number | Pair;

/** Zeros on each side; 'same': as many as keep the size, an odd one at the end (stride 1 only); 'valid': none. */
export type Padding = Sizes | 'same' | 'valid';

/** `sizes` for height and width. */
export const pair = (sizes: Sizes): Pair => (typeof sizes === 'number' ? [sizes, sizes] : sizes);

/** Settings of a convolution of images. */
export interface Conv2dOptions {
  readonly stride?: Sizes;
  readonly padding?: Padding;
  readonly dilation?: Sizes;
  readonly groups?: number;
}

/** The padding that keeps the size of `x` under `kernel`, and `x`, padded at the end where that is uneven. */
function samePadding(x: Tensor, kernel: Shape, stride: Pair, dilation: Pair): [Tensor, Pair] {
  if (stride[0] !== 1 || stride[1] !== 1) {
    throw new Error(`conv2d: padding 'same' needs stride 1, but the stride is [${stride}].`);
  }
  const total = dilation.map((distance, axis) => distance * (kernel[axis] - 1));
  const padding = [Math.floor(total[0] / 2), Math.floor(total[1] / 2)] as const;
  const uneven = total.map((zeros, axis) => zeros - 2 * padding[axis]);
  return [uneven.some(Boolean) ? pad(x, [0, 0, 0, 0], [0, 0, ...uneven]) : x, padding];
}

/**
 * Convolution (cross-correlation, as in torch): [N, C, H, W] with [O, C / groups, KH, KW] and bias [O] → [N, O, H', W'].
 * All are f32, or all f16 with accumulation in f32.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv2dOptions = {}): Tensor {
  const [stride, dilation, groups] = [pair(options.stride ?? 1), pair(options.dilation ?? 1), options.groups ?? 1];
  const wanted = options.padding === 'valid' ? 0 : (options.padding ?? 0);
  const fits = x.shape.length === 4 && weight.shape.length === 4; // else the record throws
  const [padded, padding] =
    wanted !== 'same'
      ? [x, pair(wanted)]
      : fits
        ? samePadding(x, weight.shape.slice(2), stride, dilation)
        : [x, pair(0)];
  const attrs = { stride, padding, dilation, groups };
  const y = applyOne(conv2dOp, bias ? [padded, weight, bias] : [padded, weight], attrs);
  if (!isOneWindow(shapeFor('conv2d', padded.shape, weight.shape, attrs))) return y;
  const product = matmul(flatten(padded), flatten(weight), { transposeB: true }); // [N, O]
  return reshape(bias ? add(product, bias) : product, y.shape);
}
