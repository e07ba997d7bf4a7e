// The input gradient of a strided convolution (and so transposed convolution) as a product and a sum (`columns`): first choice on
// software adapters, where a product needs the fewest loads for its arithmetic.
//
// product  columns = weightᵀ · g as matmul's `register`: the contribution of each output to each position of its window, per
//          channel. The outputs of all images are columns of one product, since a single image may have few.
// fold     one thread per pixel of the image sums its contributions. Few outputs overlap there: one per stride along the
//          kernel's rows and columns.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, perThread, type Capabilities, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { gradInputInputs, imageSize, type Conv2dShape } from './conv2d.wgsl.ts';
import { elements, stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearLoop } from '../lib/grid.wgsl.ts';
import { matmulRegister, registerBlock } from '../matmul/matmul-register.wgsl.ts';
import { batchesOf, type MatmulShape } from '../matmul/matmul.wgsl.ts';

/** Outputs per image; they are read as vec4s, so this must be a multiple of 4. */
export const placesOf = ({ output }: Conv2dShape): number => output[0] * output[1];

/** The product: weight is a, g is b, and c are the columns, [channels, kernel rows, kernel columns, images, outputs] in f32. */
function columnsProduct(s: Conv2dShape): MatmulShape {
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

/** Numbers of scratch. */
export function columnsScratch(s: Conv2dShape): number {
  const product = columnsProduct(s);
  return batchesOf(product) * product.m * product.n;
}

/** The variant `columns` of the input gradient. */
export const conv2dColumns = (s: Conv2dShape, capabilities: Capabilities): Variant => ({
  name: 'columns',
  kernels: [productKernel(s, capabilities), foldKernel(s, capabilities)],
  scratch: [{ shape: [columnsScratch(s)], dtype: 'f32' }],
});

/** The product of weight (a) and g (b). */
function productKernel(s: Conv2dShape, capabilities: Capabilities): Kernel {
  const product = columnsProduct(s);
  const places = placesOf(s);
  const start = (column: string) => `${column} / ${places}u * ${s.outChannels * places}u + ${column} % ${places}u`;
  const kernel = matmulRegister(product, registerBlock(product, capabilities), { start, step: places });
  return {
    ...kernel,
    name: 'conv2dGradInput.columns',
    inputs: [{ name: 'b', type: elements(s.type, true) }, { name: 'a', type: s.type }, stores('c', 'vec4<f32>')],
    outputs: [null],
  };
}

function foldKernel(s: Conv2dShape, capabilities: Capabilities): Kernel {
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const places = placesOf(s);
  /** Most outputs along an axis whose windows contain a given pixel. */
  const taps = (axis: 0 | 1) => Math.ceil(s.kernel[axis] / s.stride[axis]);
  const pixels = perThread(imageSize(s), LINEAR_WORKGROUP, capabilities);
  const text = linearLoop(
    imageSize(s),
    pixels,
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
  return {
    name: 'conv2dGradInput.fold',
    inputs: [...gradInputInputs(s).map(() => null), { name: 'columns', type: 'f32' }],
    outputs: [stores('dx', s.type)],
    workgroups: linearGrid(Math.ceil(imageSize(s) / pixels), LINEAR_WORKGROUP),
    wgsl: text,
  };
}
