// The input gradient of a strided convolution (and so transposed convolution) as a product and a sum (`columns`): first choice on
// software adapters, for which a product loads least for what it computes.
//
// product  columns = weightᵀ · g as matmul's `register`: what each output gives to each place of its window, of each channel. The
//          outputs of all images are columns of one product: there may be few of an image.
// fold     a thread one pixel of the image: the sum of what it was given. Outputs that overlap there are few, one in each
//          stride of the kernel's rows and columns.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Conv2dShape } from './conv2d.wgsl.ts';
import { linearLoop } from '../lib/grid.wgsl.ts';
import { matmulRegisterKernel, type RegisterBlock } from '../matmul/matmul-register.wgsl.ts';
import { batchesOf, type MatmulShape } from '../matmul/matmul.wgsl.ts';

/** Outputs of one image; they are read as vectors, so it must be a multiple of 4. */
export const placesOf = ({ output }: Conv2dShape): number => output[0] * output[1];

/** The product: weight is a, g is b, and c are the columns, [channels, kernel rows, kernel columns, images, outputs] in f32. */
export function columnsProduct(s: Conv2dShape): MatmulShape {
  const ofWeight = (s.inChannels / s.groups) * s.kernel[0] * s.kernel[1];
  const channels = s.outChannels / s.groups;
  return {
    m: ofWeight,
    n: s.batch * placesOf(s),
    k: channels,
    batch: [s.groups],
    batchStridesA: [channels * ofWeight],
    batchStridesB: [channels * placesOf(s)],
    transposeA: true,
    transposeB: false,
    type: 'f32',
  };
}

/** Numbers in the memory between the kernels. */
export function columnsScratch(s: Conv2dShape): number {
  const product = columnsProduct(s);
  return batchesOf(product) * product.m * product.n;
}

export function conv2dColumnsKernel(s: Conv2dShape, block: RegisterBlock): string {
  const places = placesOf(s);
  const start = (column: string) => `${column} / ${places}u * ${s.outChannels * places}u + ${column} % ${places}u`;
  return matmulRegisterKernel(columnsProduct(s), block, { start, step: places });
}

export function conv2dFoldKernel(s: Conv2dShape, perThread: number): string {
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const places = placesOf(s);
  /** Outputs along an axis whose windows hold a pixel, at most. */
  const taps = (axis: 0 | 1) => Math.ceil(s.kernel[axis] / s.stride[axis]);
  return linearLoop(
    s.batch * s.inChannels * height * width,
    perThread,
    wgsl`
    let padded_row = index / ${width}u % ${height}u + ${s.padding[0]}u;
    let padded_column = index % ${width}u + ${s.padding[1]}u;
    let window = index / ${height * width}u % ${s.inChannels}u * ${kernelHeight * kernelWidth}u;
    let first = index / ${height * width * s.inChannels}u * ${places}u;
    var total = 0.0;
    for (var i = 0u; i < ${taps(0)}u; i++) {
      let ky = padded_row % ${s.stride[0]}u + i * ${s.stride[0]}u;
      // Before the first output the difference wraps to a large number.
      let row = padded_row / ${s.stride[0]}u - i;
      for (var j = 0u; j < ${taps(1)}u; j++) {
        let kx = padded_column % ${s.stride[1]}u + j * ${s.stride[1]}u;
        let column = padded_column / ${s.stride[1]}u - j;
        let at = (window + ky * ${kernelWidth}u + kx) * ${s.batch * places}u + first + row * ${outWidth}u + column;
        let is_inside = ky < ${kernelHeight}u && kx < ${kernelWidth}u && row < ${outHeight}u && column < ${outWidth}u;
        total += select(0.0, columns[select(0u, at, is_inside)], is_inside);
      }
    }
    store_dx(index, ${s.type}(total));`,
  );
}
