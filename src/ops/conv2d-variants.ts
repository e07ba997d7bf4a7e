// The ways to compute a convolution and its gradients on a GPU, and which of them comes first.

import * as direct from '../../shaders/conv2d.wgsl.ts';
import * as shader from '../../shaders/conv2d-gemm.wgsl.ts';
import { LINEAR_WORKGROUP } from '../../shaders/lib/grid.wgsl.ts';
import { reduceSerialKernel } from '../../shaders/reduce.wgsl.ts';
import { linearGrid, MAX_WORKGROUPS, type Binding, type Capabilities, type Kernel } from '../core/kernel.ts';
import type { Variant } from '../core/op.ts';

const f32 = (name: string): Binding => ({ name, type: 'f32' });
const stored = (name: string): Binding => ({ name, type: 'f32', store: true });

/** The largest divisor of `channels` up to 8: what one thread keeps in registers. */
function channelBlock(channels: number, most = 8): number {
  let block = Math.min(most, channels);
  while (channels % block !== 0) block--;
  return block;
}

/** Neighbours in a row of `width` that one thread computes: 4 to 7, whatever leaves the least of its last block unused. */
function pixelBlock(width: number): number {
  const waste = (pixels: number) => Math.ceil(width / pixels) * pixels;
  return width <= 7 ? width : [7, 6, 5, 4].reduce((best, pixels) => (waste(pixels) < waste(best) ? pixels : best));
}

/** The grid of a blocked kernel: places in x (folded into z past the limit), blocks of channels in y. */
function blockGrid(threads: number, channelBlocks: number): [number, number, number] {
  const [x, folds] = linearGrid(threads, LINEAR_WORKGROUP);
  return [x, channelBlocks, folds];
}

/**
 * `kernel` writes `slices` results of `size` elements to its output: a variant that adds them up in a second kernel. With one
 * slice it is the whole variant.
 */
function addingSlices(
  name: string,
  kernel: Omit<Kernel, 'outputs'>,
  output: Binding,
  slices: number,
  size: number,
): Variant {
  if (slices === 1) return { name, kernels: [{ ...kernel, outputs: [output] }] };
  const add: Kernel = {
    name: `${kernel.name}.add`,
    wgsl: reduceSerialKernel({
      kept: [size],
      keptStrides: [1],
      reduced: [slices],
      reducedStrides: [size],
      type: 'f32',
      identity: '0.0',
      combine: 'a + b',
      finish: 'total',
    }),
    inputs: [...kernel.inputs.map(() => null), f32('x')],
    outputs: [stored('y')],
    workgroups: linearGrid(size, LINEAR_WORKGROUP),
  };
  return {
    name,
    scratch: [{ shape: [slices, size], dtype: 'f32' }],
    kernels: [{ ...kernel, inputs: [...kernel.inputs, output], outputs: [null] }, add],
  };
}

/** Workgroups that keep a GPU busy, and the least depth for which cutting k pays. */
const [ENOUGH_TILES, LEAST_DEPTH] = [256, 128];

/** The product as tiles in workgroup memory; nothing where it cannot be dispatched or has one row. */
function gemmVariants(
  name: string,
  gemm: shader.Conv2dGemm | null,
  inputs: readonly Binding[],
  size: number,
): Variant[] {
  if (!gemm || gemm.m === 1) return [];
  const [columns, rows] = shader.conv2dGemmTiles(gemm);
  const wanted = Math.min(Math.ceil(ENOUGH_TILES / (columns * rows)), Math.floor(gemm.k / LEAST_DEPTH));
  const slices = Math.max(1, Math.ceil(gemm.k / shader.conv2dGemmSlice(gemm, Math.max(1, wanted))));
  if (rows * slices > MAX_WORKGROUPS) return [];
  const [x, folds] = linearGrid(columns, 1);
  const kernel = {
    name: `${name}.gemm`,
    wgsl: shader.conv2dGemmKernel(gemm, slices, size, inputs.length > 2),
    inputs,
    workgroups: [x, rows * slices, folds] as const,
  };
  return [addingSlices('gemm', kernel, stored(gemm.output), slices, size)];
}

/** Tiles first where they are filled well enough to pay for their barriers. */
function ordered(
  direct: Variant,
  tiled: Variant[],
  gemm: shader.Conv2dGemm | null,
  { software }: Capabilities,
): Variant[] {
  const pays = !software && gemm && gemm.m >= 24 && gemm.n >= 24 && gemm.k >= 16;
  return pays ? [...tiled, direct] : [direct, ...tiled];
}

const outputSize = ({ batch, outChannels, output }: direct.Conv2dShape) => batch * outChannels * output[0] * output[1];
const imageSize = ({ batch, inChannels, image }: direct.Conv2dShape) => batch * inChannels * image[0] * image[1];
const weightSize = (s: direct.Conv2dShape) => (s.outChannels * s.inChannels * s.kernel[0] * s.kernel[1]) / s.groups;

/** From x, weight and, with `bias`, bias. */
export function forwardVariants(shape: direct.Conv2dShape, bias: boolean, capabilities: Capabilities): Variant[] {
  const channels = channelBlock(shape.outChannels / shape.groups);
  const block = { channels, pixels: pixelBlock(shape.output[1]) };
  const inputs = [f32('x'), f32('weight'), ...(bias ? [f32('bias')] : [])];
  const kernel: Kernel = {
    name: 'conv2d.direct',
    wgsl: direct.conv2dKernel(shape, block, bias),
    inputs,
    outputs: [stored('y')],
    workgroups: blockGrid(direct.conv2dThreads(shape, block), shape.outChannels / channels),
  };
  const gemm = shader.conv2dGemm(shape);
  const tiled = gemmVariants('conv2d', gemm, inputs, outputSize(shape));
  return ordered({ name: 'direct', kernels: [kernel] }, tiled, gemm, capabilities);
}

/** From g and weight. */
export function gradInputVariants(shape: direct.Conv2dShape, capabilities: Capabilities): Variant[] {
  const channels = channelBlock(shape.inChannels / shape.groups);
  const block = { channels, pixels: pixelBlock(shape.image[1]) };
  const inputs = [f32('g'), f32('weight')];
  const kernel: Kernel = {
    name: 'conv2dGradInput.direct',
    wgsl: direct.conv2dGradInputKernel(shape, block),
    inputs,
    outputs: [stored('dx')],
    workgroups: blockGrid(direct.conv2dGradInputThreads(shape, block), shape.inChannels / channels),
  };
  const gemm = shader.conv2dGradInputGemm(shape);
  const tiled = gemmVariants('conv2dGradInput', gemm, inputs, imageSize(shape));
  return ordered({ name: 'direct', kernels: [kernel] }, tiled, gemm, capabilities);
}

/** From g and x. */
export function gradWeightVariants(shape: direct.Conv2dShape, capabilities: Capabilities): Variant[] {
  const block = { channels: channelBlock(shape.outChannels / shape.groups, 4), pixels: pixelBlock(shape.output[1]) };
  const inputs = [f32('g'), f32('x')];
  // Slice the batch until there are some thousand threads to share the work.
  const unsliced = direct.conv2dGradWeightThreads(shape, block, 1);
  const batch = Math.max(1, shape.batch);
  const perSlice = Math.ceil(batch / Math.min(batch, Math.ceil(8192 / unsliced)));
  const slices = Math.ceil(batch / perSlice);
  const kernel = {
    name: slices === 1 ? 'conv2dGradWeight.direct' : 'conv2dGradWeight.slices',
    wgsl: direct.conv2dGradWeightKernel(shape, block, slices),
    inputs,
    workgroups: linearGrid(direct.conv2dGradWeightThreads(shape, block, slices), LINEAR_WORKGROUP),
  };
  const size = weightSize(shape);
  const sliced = addingSlices(slices === 1 ? 'direct' : 'sliced', kernel, stored('dw'), slices, size);
  const gemm = shader.conv2dGradWeightGemm(shape);
  return ordered(sliced, gemmVariants('conv2dGradWeight', gemm, inputs, size), gemm, capabilities);
}
