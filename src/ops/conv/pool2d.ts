// Max and average pooling of images, and their gradients: the records. The public functions are in pooling.ts.

import {
  avgPool2dGather, avgPool2dGradGather, maxPool2dGather, maxPool2dGradGather, maxPool2dGradTiled, maxPool2dPickGather, tiles,
  type Pool2dShape,
} from '../../../shaders/conv/pool2d.wgsl.ts'; // prettier-ignore
import type { Capabilities, Kernel } from '../../core/kernel.ts';
import { gradientOnly, type OnnxWriter } from '../../core/onnx.ts';
import { applyOne, expectDType, type KernelOp, type Op } from '../../core/op.ts';
import { expectWhole, formatShape, sizeOf, type Shape } from '../../core/shape.ts';
import { adaptivePoolOnnx, windowPoolOnnx } from './pool2d-onnx.ts';
import type { TensorSpec } from '../../core/tensor.ts';

type Pair = readonly [number, number];

/** The windows of a pooling op, for height and width. */
export interface PoolAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** Distance between neighbours in a window; only for max. */
  readonly dilation: Pair;
  readonly ceilMode: boolean;
  /** Averages count padding as zeros. */
  readonly countIncludePad: boolean;
  /** If set, the image is split into this many nearly equal windows, and the other settings are ignored. */
  readonly outputSize: Pair | null;
}

interface PoolGradAttrs extends PoolAttrs {
  /** Shape of the image, and so of the gradient. */
  readonly shape: Shape;
}

function shapeFor(who: string, { shape: image, dtype }: TensorSpec, attrs: PoolAttrs): Pool2dShape {
  const { kernel, stride, padding, dilation, ceilMode, countIncludePad, outputSize } = attrs;
  expectDType(who, 'image', { shape: image, dtype }, 'f32', 'f16');
  expectWhole(who, 'window', kernel, 1);
  expectWhole(who, 'stride', stride, 1);
  expectWhole(who, 'padding', padding, 0);
  expectWhole(who, 'dilation', dilation, 1);
  if (outputSize) expectWhole(who, 'outputSize', outputSize, 1);
  const size = (axis: 0 | 1) => {
    if (outputSize) return image[2 + axis] > 0 ? outputSize[axis] : 0;
    const room = image[2 + axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
    if (!ceilMode) return Math.floor(room / stride[axis]) + 1;
    const windows = Math.ceil(room / stride[axis]) + 1;
    // The last window must begin inside the image or in the padding before it.
    return (windows - 1) * stride[axis] >= image[2 + axis] + padding[axis] ? windows - 1 : windows;
  };
  if (image.length !== 4 || size(0) < 1 || size(1) < 1) {
    throw new Error(
      `${who}: x must be [N, C, H, W] and not smaller than the window [${kernel}], but is ${formatShape(image)}.`,
    );
  }
  if (padding.some((p, axis) => 2 * p > kernel[axis])) {
    throw new Error(`${who}: padding [${padding}] must be at most half of the window [${kernel}].`);
  }
  return {
    planes: image[0] * image[1],
    image: [image[2], image[3]],
    output: [size(0), size(1)],
    kernel,
    stride,
    padding,
    dilation,
    adaptive: outputSize !== null,
    countIncludePad,
    ceilMode,
    type: dtype === 'f16' ? 'f16' : 'f32',
  };
}

/** Where window `at` of an axis begins, and its size. */
function windowOf(s: Pool2dShape, axis: 0 | 1, at: number): [from: number, count: number] {
  if (!s.adaptive) return [at * s.stride[axis] - s.padding[axis], s.kernel[axis]];
  const from = Math.floor((at * s.image[axis]) / s.output[axis]);
  return [from, Math.ceil(((at + 1) * s.image[axis]) / s.output[axis]) - from];
}

/** Calls `visit` for each position of each window, with the offsets of output and image. */
function forEachPosition(s: Pool2dShape, visit: (y: number, x: number) => void): void {
  for (let y = 0; y < s.planes * s.output[0] * s.output[1]; y++) {
    const plane = Math.floor(y / (s.output[0] * s.output[1]));
    const [fromRow, rows] = windowOf(s, 0, Math.floor(y / s.output[1]) % s.output[0]);
    const [fromColumn, columns] = windowOf(s, 1, y % s.output[1]);
    for (let ky = 0; ky < rows; ky++) {
      const iy = fromRow + ky * s.dilation[0];
      if (iy < 0 || iy >= s.image[0]) continue;
      for (let kx = 0; kx < columns; kx++) {
        const ix = fromColumn + kx * s.dilation[1];
        if (ix >= 0 && ix < s.image[1]) visit(y, (plane * s.image[0] + iy) * s.image[1] + ix);
      }
    }
  }
}

/** For each window of a plane, the number of values over which its average is taken. */
function averageCounts(s: Pool2dShape): number[] {
  const along = (axis: 0 | 1) =>
    Array.from({ length: s.output[axis] }, (_, at) => {
      const [from, count] = windowOf(s, axis, at);
      if (s.adaptive) return count;
      const margin = s.countIncludePad ? s.padding[axis] : 0;
      return Math.min(from + count, s.image[axis] + margin) - Math.max(from, -margin);
    });
  const columns = along(1);
  return along(0).flatMap((rows) => columns.map((count) => rows * count));
}

/** For each window, the offset of its first largest value. */
function largestPositions(s: Pool2dShape, x: ArrayLike<number>): Int32Array {
  const positions = new Int32Array(s.planes * s.output[0] * s.output[1]).fill(-1);
  forEachPosition(s, (iy, ix) => {
    if (positions[iy] < 0 || x[ix] > x[positions[iy]]) positions[iy] = ix;
  });
  return positions;
}

/** A record with one value per window of the image, its last input. */
function forward(
  name: string,
  gather: (shape: Pool2dShape, capabilities: Capabilities) => Kernel,
  rest: Pick<Op<PoolAttrs>, 'cpu' | 'vjp' | 'onnx'>,
): KernelOp<PoolAttrs> {
  return {
    name,
    kind: 'kernels',
    stores: true,
    infer(specs, attrs) {
      const image = specs[specs.length - 1];
      const { output } = shapeFor(name, image, attrs);
      return [{ shape: [...image.shape.slice(0, 2), ...output], dtype: image.dtype }];
    },
    gpu({ inputs: specs, attrs, capabilities }) {
      const shape = shapeFor(name, specs[specs.length - 1], attrs);
      return [{ name: 'gather', kernels: [gather(shape, capabilities)] }];
    },
    ...rest,
    flops: (_inputs, [y], { kernel }) => sizeOf(y.shape) * sizeOf(kernel),
  };
}

/** Pooling by windows: nearly equal ones are composed of one pass over rows and one over columns. */
const poolOnnx =
  (type: 'MaxPool' | 'AveragePool', reduction: string): OnnxWriter<PoolAttrs> =>
  (graph, { inputs: [x], tensors, attrs }) => {
    const s = shapeFor(type, tensors[0], attrs);
    if (!s.adaptive) return windowPoolOnnx(graph, x, type, s);
    const windows = ([0, 1] as const).map((axis) =>
      Array.from({ length: s.output[axis] }, (_, at) => windowOf(s, axis, at)),
    );
    return adaptivePoolOnnx(graph, x, reduction, windows);
  };

export const maxPool2dOp: Op<PoolAttrs> = forward('maxPool2d', maxPool2dGather, {
  cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
    largestPositions(shapeFor('maxPool2d', inputSpecs[0], attrs), x).forEach((at, i) => (y[i] = x[at]));
  },
  vjp: ({ inputs: [x], gradients: [g], attrs }) => [applyOne(maxPool2dGradOp, [g!, x], attrs)],
  onnx: poolOnnx('MaxPool', 'ReduceMax'),
});

/** For each window, the value of another image, h, at the largest position of x: maxPool2dGrad is its gradient. */
export const maxPool2dPickOp: Op<PoolAttrs> = forward('maxPool2dPick', maxPool2dPickGather, {
  cpu({ inputs: [h, x], outputs: [y], inputSpecs, attrs }) {
    largestPositions(shapeFor('maxPool2dPick', inputSpecs[1], attrs), x).forEach((at, i) => (y[i] = h[at]));
  },
  vjp: ({ inputs: [, x], gradients: [g], attrs }) => [applyOne(maxPool2dGradOp, [g!, x], attrs), null],
  onnx: gradientOnly,
});

export const maxPool2dGradOp: KernelOp<PoolAttrs> = {
  name: 'maxPool2dGrad',
  kind: 'kernels',
  stores: true,
  infer: ([, { shape, dtype }]) => [{ shape, dtype }],
  cpu({ inputs: [g, x], outputs: [dx], inputSpecs, attrs }) {
    const totals = new Float64Array(dx.length);
    const positions = largestPositions(shapeFor('maxPool2dGrad', inputSpecs[1], attrs), x);
    positions.forEach((at, i) => (totals[at] += g[i]));
    dx.set(totals);
  },
  gpu({ inputs: [, x], attrs, capabilities }) {
    const shape = shapeFor('maxPool2dGrad', x, attrs);
    const gather = { name: 'gather', kernels: [maxPool2dGradGather(shape, capabilities)] };
    return tiles(shape) ? [{ name: 'tiled', kernels: [maxPool2dGradTiled(shape)] }, gather] : [gather];
  },
  // Linear in g. The gradient by x is zero wherever it exists.
  vjp: ({ inputs: [, x], gradients: [h], attrs }) => [applyOne(maxPool2dPickOp, [h!, x], attrs), null],
  onnx: gradientOnly,
};

export const avgPool2dOp: Op<PoolAttrs> = forward('avgPool2d', avgPool2dGather, {
  cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
    const shape = shapeFor('avgPool2d', inputSpecs[0], attrs);
    const [totals, counts] = [new Float64Array(y.length), averageCounts(shape)];
    forEachPosition(shape, (iy, ix) => (totals[iy] += x[ix]));
    y.set(totals.map((total, iy) => total / counts[iy % counts.length]));
  },
  vjp: ({ inputs: [x], gradients: [g], attrs }) => [applyOne(avgPool2dGradOp, [g!], { ...attrs, shape: x.shape })],
  onnx: poolOnnx('AveragePool', 'ReduceMean'),
});

export const avgPool2dGradOp: KernelOp<PoolGradAttrs> = {
  name: 'avgPool2dGrad',
  kind: 'kernels',
  stores: true,
  infer: ([{ dtype }], { shape }) => [{ shape, dtype }],
  cpu({ inputs: [g], outputs: [dx], outputSpecs, attrs }) {
    const shape = shapeFor('avgPool2dGrad', outputSpecs[0], attrs);
    const [totals, counts] = [new Float64Array(dx.length), averageCounts(shape)];
    forEachPosition(shape, (iy, ix) => (totals[ix] += g[iy] / counts[iy % counts.length]));
    dx.set(totals);
  },
  gpu({ outputs: [dx], attrs, capabilities }) {
    const shape = shapeFor('avgPool2dGrad', dx, attrs);
    return [{ name: 'gather', kernels: [avgPool2dGradGather(shape, capabilities)] }];
  },
  vjp: ({ gradients: [h], attrs: { shape: _shape, ...attrs } }) => [applyOne(avgPool2dOp, [h!], attrs)],
  onnx: gradientOnly,
};
