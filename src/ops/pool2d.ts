// Max and average pooling of images, and their gradients.

import { LINEAR_WORKGROUP } from '../../shaders/lib/grid.wgsl.ts';
import * as shader from '../../shaders/pool2d.wgsl.ts';
import { linearGrid } from '../core/kernel.ts';
import { applyOne, expectDType, type Op, type Variant } from '../core/op.ts';
import { expectWhole, formatShape, sizeOf, type Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { pair, type Sizes } from './conv2d.ts';

interface PoolAttrs {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

interface PoolGradAttrs extends PoolAttrs {
  /** Shape of the image that the gradient is for. */
  readonly shape: Shape;
}

function describe(who: string, image: Shape, { kernel, stride, padding }: PoolAttrs): shader.Pool2dShape {
  expectWhole(who, 'window', kernel, 1);
  expectWhole(who, 'stride', stride, 1);
  expectWhole(who, 'padding', padding, 0);
  const size = (axis: 0 | 1) => Math.floor((image[2 + axis] + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
  if (image.length !== 4 || size(0) < 1 || size(1) < 1) {
    throw new Error(
      `${who}: needs [N, C, H, W] not smaller than the window [${kernel}], but got ${formatShape(image)}.`,
    );
  }
  if (padding.some((p, axis) => 2 * p > kernel[axis])) {
    throw new Error(`${who}: padding [${padding}] must be at most half of the window [${kernel}].`);
  }
  const [planes, output] = [image[0] * image[1], [size(0), size(1)] as const];
  return { planes, image: [image[2], image[3]], output, kernel, stride, padding };
}

/** Calls `visit` for each position of each window, with the offsets of output and image. */
function forEachPosition(s: shader.Pool2dShape, visit: (y: number, x: number) => void): void {
  for (let y = 0; y < s.planes * s.output[0] * s.output[1]; y++) {
    const column = y % s.output[1];
    const row = Math.floor(y / s.output[1]) % s.output[0];
    const plane = Math.floor(y / (s.output[0] * s.output[1]));
    for (let ky = 0; ky < s.kernel[0]; ky++) {
      const iy = row * s.stride[0] + ky - s.padding[0];
      if (iy < 0 || iy >= s.image[0]) continue;
      for (let kx = 0; kx < s.kernel[1]; kx++) {
        const ix = column * s.stride[1] + kx - s.padding[1];
        if (ix >= 0 && ix < s.image[1]) visit(y, (plane * s.image[0] + iy) * s.image[1] + ix);
      }
    }
  }
}

/** For each window, where its first largest value stands. */
function largestPositions(s: shader.Pool2dShape, x: ArrayLike<number>): Int32Array {
  const positions = new Int32Array(s.planes * s.output[0] * s.output[1]).fill(-1);
  forEachPosition(s, (iy, ix) => {
    if (positions[iy] < 0 || x[ix] > x[positions[iy]]) positions[iy] = ix;
  });
  return positions;
}

/** A variant of one kernel, named `op.variant`, with one thread for each of `threads` places. */
function variant(name: string, wgsl: string, inputs: readonly string[], output: string, threads: number): Variant {
  const binding = (binding: string) => ({ name: binding, type: 'f32' }) as const;
  const workgroups = linearGrid(threads, LINEAR_WORKGROUP);
  const kernel = {
    name,
    wgsl,
    inputs: inputs.map(binding),
    outputs: [{ ...binding(output), store: true }],
    workgroups,
  };
  return { name: name.slice(name.indexOf('.') + 1), kernels: [kernel] };
}

function forward(name: string, rest: Pick<Op<PoolAttrs>, 'cpu' | 'gpu' | 'vjp'>): Op<PoolAttrs> {
  return {
    name,
    stores: true,
    infer([x], attrs) {
      expectDType(name, 'image', x, 'f32');
      return [{ shape: [x.shape[0], x.shape[1], ...describe(name, x.shape, attrs).output], dtype: 'f32' }];
    },
    ...rest,
    flops: (_inputs, [y], { kernel }) => sizeOf(y.shape) * sizeOf(kernel),
  };
}

export const maxPool2dOp = forward('maxPool2d', {
  cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
    largestPositions(describe('maxPool2d', inputSpecs[0].shape, attrs), x).forEach((at, i) => (y[i] = x[at]));
  },
  gpu({ inputs: [x], outputs: [y], attrs }) {
    const wgsl = shader.maxPool2dKernel(describe('maxPool2d', x.shape, attrs));
    return [variant('maxPool2d.gather', wgsl, ['x'], 'y', sizeOf(y.shape))];
  },
  vjp: ({ inputs: [x], gradients: [g], attrs }) => [applyOne(maxPool2dGradOp, [g!, x], attrs)],
});

export const maxPool2dGradOp: Op<PoolAttrs> = {
  name: 'maxPool2dGrad',
  stores: true,
  infer: ([, x]) => [{ shape: x.shape, dtype: 'f32' }],
  cpu({ inputs: [g, x], outputs: [dx], inputSpecs, attrs }) {
    const positions = largestPositions(describe('maxPool2dGrad', inputSpecs[1].shape, attrs), x);
    positions.forEach((at, i) => (dx[at] += g[i]));
  },
  gpu({ inputs: [, x], attrs }) {
    const shape = describe('maxPool2dGrad', x.shape, attrs);
    const gather = variant(
      'maxPool2dGrad.gather',
      shader.maxPool2dGradKernel(shape),
      ['g', 'x'],
      'dx',
      sizeOf(x.shape),
    );
    if (!shader.tiles(shape)) return [gather];
    const windows = shape.planes * sizeOf(shape.output);
    return [variant('maxPool2dGrad.tiled', shader.maxPool2dGradTiledKernel(shape), ['g', 'x'], 'dx', windows), gather];
  },
  vjp: 'none',
};

export const avgPool2dOp = forward('avgPool2d', {
  cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
    const totals = new Float64Array(y.length);
    forEachPosition(describe('avgPool2d', inputSpecs[0].shape, attrs), (iy, ix) => (totals[iy] += x[ix]));
    y.set(totals.map((total) => total / sizeOf(attrs.kernel)));
  },
  gpu({ inputs: [x], outputs: [y], attrs }) {
    const wgsl = shader.avgPool2dKernel(describe('avgPool2d', x.shape, attrs));
    return [variant('avgPool2d.gather', wgsl, ['x'], 'y', sizeOf(y.shape))];
  },
  vjp: ({ inputs: [x], gradients: [g], attrs }) => [applyOne(avgPool2dGradOp, [g!], { ...attrs, shape: x.shape })],
});

export const avgPool2dGradOp: Op<PoolGradAttrs> = {
  name: 'avgPool2dGrad',
  stores: true,
  infer: (_inputs, { shape }) => [{ shape, dtype: 'f32' }],
  cpu({ inputs: [g], outputs: [dx], attrs }) {
    const totals = new Float64Array(dx.length);
    forEachPosition(describe('avgPool2dGrad', attrs.shape, attrs), (iy, ix) => (totals[ix] += g[iy]));
    dx.set(totals.map((total) => total / sizeOf(attrs.kernel)));
  },
  gpu({ attrs }) {
    const wgsl = shader.avgPool2dGradKernel(describe('avgPool2dGrad', attrs.shape, attrs));
    return [variant('avgPool2dGrad.gather', wgsl, ['g'], 'dx', sizeOf(attrs.shape))];
  },
  vjp: ({ gradients: [h], attrs: { kernel, stride, padding } }) => [
    applyOne(avgPool2dOp, [h!], { kernel, stride, padding }),
  ],
};

interface PoolOptions {
  /** Distance between windows; the window's size by default. */
  readonly stride?: Sizes;
  readonly padding?: Sizes;
}

const settings = (kernel: Sizes, { stride = kernel, padding = 0 }: PoolOptions): PoolAttrs => ({
  kernel: pair(kernel),
  stride: pair(stride),
  padding: pair(padding),
});

/** The largest value of each window of [N, C, H, W]; of equal ones the first gets the gradient, as in torch. */
export const maxPool2d = (x: Tensor, kernel: Sizes, options: PoolOptions = {}): Tensor =>
  applyOne(maxPool2dOp, [x], settings(kernel, options));

/** The mean of each window of [N, C, H, W]; padding counts as zeros, as in torch. */
export const avgPool2d = (x: Tensor, kernel: Sizes, options: PoolOptions = {}): Tensor =>
  applyOne(avgPool2dOp, [x], settings(kernel, options));
