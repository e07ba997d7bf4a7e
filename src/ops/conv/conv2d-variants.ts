// The ways to compute a convolution and its gradients on a GPU, and which of them comes first.

import * as direct from '../../../shaders/conv/conv2d.wgsl.ts';
import * as depthwise from '../../../shaders/conv/conv2d-depthwise.wgsl.ts';
import * as columns from '../../../shaders/conv/conv2d-columns.wgsl.ts';
import { conv2dPhasesKernel, conv2dPhasesThreads } from '../../../shaders/conv/conv2d-phases.wgsl.ts';
import * as shader from '../../../shaders/conv/conv2d-gemm.wgsl.ts';
import { conv2dGradWeightKernel, conv2dGradWeightThreads } from '../../../shaders/conv/conv2d-grad-weight.wgsl.ts';
import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import { matmulRegisterGroups, registerBlock } from '../../../shaders/matmul/matmul-register.wgsl.ts';
import {
  linearGrid,
  MAX_WORKGROUPS,
  MOST_SOFTWARE_SCRATCH,
  perThread,
  type Binding,
  type Capabilities,
  type Kernel,
} from '../../core/kernel.ts';
import type { Variant } from '../../core/op.ts';
import { spec } from '../../core/tensor.ts';
import { addingSlices } from '../lib/slices.ts';

type Float = direct.Conv2dShape['type'];
const read = (type: Float, ...names: string[]): Binding[] => names.map((name) => ({ name, type }));
/** Parts of a sum are f32. */
const stored = (name: string, type: Float, slices = 1): Binding => ({
  name,
  type: slices > 1 ? 'f32' : type,
  store: true,
});

/** The largest divisor of `channels` up to `most`: what one thread keeps in registers. */
function channelBlock(channels: number, most: number): number {
  let block = Math.min(most, channels);
  while (channels % block !== 0) block--;
  return block;
}

/** Neighbours in a row of `width` that one thread computes: 4 to `most`, whatever leaves the least of its last block unused. */
function pixelBlock(width: number, most = 7): number {
  if (width <= most) return width;
  const waste = (pixels: number) => Math.ceil(width / pixels) * pixels;
  let best = most;
  for (let pixels = most - 1; pixels >= 4; pixels--) if (waste(pixels) < waste(best)) best = pixels;
  return best;
}

/** What one thread computes of `channels` channels of rows of `width`: a CPU has threads enough, a GPU has not the registers for more. */
function blockOf(channels: number, width: number, { software }: Capabilities): direct.Conv2dBlock {
  const pixels = pixelBlock(width, software ? (channels > 6 ? 10 : 14) : 7);
  return { channels: channelBlock(channels, software && pixels <= 10 ? 16 : 8), pixels };
}

/** The grid of a blocked kernel: `groups` workgroups in x (folded into z past the limit), blocks of channels in y. */
function blockGrid(groups: number, channelBlocks: number): [number, number, number] {
  const [x, folds] = linearGrid(groups, 1);
  return [x, channelBlocks, folds];
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
  return [addingSlices('gemm', kernel, stored(gemm.output, gemm.type, slices), slices, size, gemm.type)];
}

/** True when no output sees more than one input channel, of several. */
const isDepthwise = ({ inChannels, groups }: direct.Conv2dShape) => groups > 1 && groups === inChannels;

/** Most products that are written out in a kernel's text. */
const MOST_PRODUCTS = 256;

/** One thread a block of one channel; nothing where channels are summed over. */
function depthwiseVariants(name: string, shape: direct.Conv2dShape, bias: boolean, turned: boolean): Variant[] {
  if (!isDepthwise(shape) || shape.outChannels > MAX_WORKGROUPS) return [];
  const pixels = pixelBlock(shape.output[1]);
  const rows = Math.floor(MOST_PRODUCTS / (pixels * shape.kernel[0] * shape.kernel[1]));
  const block = { pixels, rows: Math.max(1, Math.min(4, rows, shape.output[0])) };
  const kernel: Kernel = {
    name: `${name}.depthwise`,
    wgsl: depthwise.depthwiseKernel(shape, block, bias, turned),
    inputs: read(shape.type, 'x', 'weight', ...(bias ? ['bias'] : [])),
    outputs: [stored('y', shape.type)],
    workgroups: blockGrid(Math.ceil(depthwise.depthwiseThreads(shape, block) / LINEAR_WORKGROUP), shape.outChannels),
  };
  return [{ name: 'depthwise', kernels: [kernel] }];
}

/** The convolution that the gradient of the image is, with the weights turned around; null where it is none. */
function turnedAround(s: direct.Conv2dShape): direct.Conv2dShape | null {
  const padding = [0, 1].map((axis) => s.dilation[axis] * (s.kernel[axis] - 1) - s.padding[axis]);
  if (s.inChannels !== s.outChannels || s.stride.some((step) => step > 1) || padding.some((n) => n < 0)) return null;
  return { ...s, image: s.output, output: s.image, padding: [padding[0], padding[1]] };
}

function depthwiseGradWeightVariants(shape: direct.Conv2dShape, capabilities: Capabilities): Variant[] {
  const bytes = depthwise.depthwiseGradWeightBytes(shape);
  if (!isDepthwise(shape) || shape.outChannels > MAX_WORKGROUPS) return [];
  if (bytes > capabilities.maxComputeWorkgroupStorageSize) return [];
  const batch = Math.max(1, shape.batch);
  const slices = Math.min(batch, Math.ceil((2 * ENOUGH_TILES) / shape.outChannels), MAX_WORKGROUPS);
  const kernel = {
    name: 'conv2dGradWeight.depthwise',
    wgsl: depthwise.depthwiseGradWeightKernel(shape, pixelBlock(shape.output[1]), slices),
    inputs: read(shape.type, 'g', 'x'),
    workgroups: [shape.outChannels, slices, 1] as const,
  };
  return [addingSlices('depthwise', kernel, stored('dw', shape.type, slices), slices, weightSize(shape), shape.type)];
}

/** Most numbers that a turn of the loop loads: CPUs take half a second to compile the text for 220. */
const MOST_LOADS = 160;

/**
 * `kernel` with a loop that goes place by place, and row by row. The second has fewer loads and a longer text. A CPU with vectors of four,
 * whose compiler loads each number by itself, is half as fast again with it; a wider one gains a tenth and compiles for half as long again.
 */
function loopVariants(
  { kernel: [, taps], stride, dilation }: direct.Conv2dShape,
  { channels, pixels }: direct.Conv2dBlock,
  { software, subgroups, subgroupMaxSize }: Capabilities,
  kernel: (loop: direct.Conv2dLoop) => Kernel,
): Variant[] {
  const shared = software && subgroups;
  const plain = { name: 'direct', kernels: [kernel({ rows: false, shared })] };
  const columns = (pixels - 1) * stride[1] + (taps - 1) * dilation[1] + 1;
  if (taps === 1 || channels * taps + columns > MOST_LOADS) return [plain];
  const rows = { name: 'rows', kernels: [kernel({ rows: true, shared })] };
  return software && subgroupMaxSize === 4 ? [rows, plain] : [plain, rows];
}

/** On GPUs what is made for channels of their own comes first, then tiles where they are filled well enough for their barriers. */
function ordered(
  plain: readonly Variant[],
  own: readonly Variant[],
  tiled: readonly Variant[],
  gemm: shader.Conv2dGemm | null,
  { software }: Capabilities,
): Variant[] {
  if (software) return [...plain, ...own, ...tiled];
  const pays = gemm && gemm.m >= 24 && gemm.n >= 24 && gemm.k >= 16;
  return pays ? [...own, ...tiled, ...plain] : [...own, ...plain, ...tiled];
}

const outputSize = ({ batch, outChannels, output }: direct.Conv2dShape) => batch * outChannels * output[0] * output[1];
const imageSize = ({ batch, inChannels, image }: direct.Conv2dShape) => batch * inChannels * image[0] * image[1];
const weightSize = (s: direct.Conv2dShape) => (s.outChannels * s.inChannels * s.kernel[0] * s.kernel[1]) / s.groups;

/** From x, weight and, with `bias`, bias. */
export function forwardVariants(shape: direct.Conv2dShape, bias: boolean, capabilities: Capabilities): Variant[] {
  const block = blockOf(shape.outChannels / shape.groups, shape.output[1], capabilities);
  const inputs = read(shape.type, 'x', 'weight', ...(bias ? ['bias'] : []));
  const plain = loopVariants(shape, block, capabilities, (loop) => ({
    name: loop.rows ? 'conv2d.rows' : 'conv2d.direct',
    wgsl: direct.conv2dKernel(shape, block, bias, loop),
    inputs,
    outputs: [stored('y', shape.type)],
    workgroups: blockGrid(direct.conv2dGroups(shape, block, loop), shape.outChannels / block.channels),
  }));
  const gemm = shader.conv2dGemm(shape);
  const tiled = gemmVariants('conv2d', gemm, inputs, outputSize(shape));
  const own = depthwiseVariants('conv2d', shape, bias, false);
  return ordered(plain, own, tiled, gemm, capabilities);
}

/** A product and a sum over its results; nothing where those are too many. */
function columnsVariants(shape: direct.Conv2dShape, capabilities: Capabilities): Variant[] {
  const product = columns.columnsProduct(shape);
  const size = columns.columnsScratch(shape);
  if (!capabilities.software || 4 * size > MOST_SOFTWARE_SCRATCH || columns.placesOf(shape) % 4 !== 0) return [];
  const block = registerBlock(product, capabilities);
  const { type } = shape;
  const pixels = perThread(imageSize(shape), LINEAR_WORKGROUP, capabilities);
  const kernels: Kernel[] = [
    {
      name: 'conv2dGradInput.columns',
      wgsl: columns.conv2dColumnsKernel(shape, block),
      inputs: [
        { name: 'b', type: `vec4<${type}>` },
        { name: 'a', type },
        { name: 'c', type: 'vec4<f32>', store: true },
      ],
      outputs: [null],
      workgroups: linearGrid(matmulRegisterGroups(product, block), 1),
    },
    {
      name: 'conv2dGradInput.fold',
      wgsl: columns.conv2dFoldKernel(shape, pixels),
      inputs: [null, null, { name: 'columns', type: 'f32' }],
      outputs: [stored('dx', type)],
      workgroups: linearGrid(Math.ceil(imageSize(shape) / pixels), LINEAR_WORKGROUP),
    },
  ];
  return [{ name: 'columns', kernels, scratch: [spec([size])] }];
}

/** From g and weight. */
export function gradInputVariants(shape: direct.Conv2dShape, capabilities: Capabilities): Variant[] {
  const inputs = read(shape.type, 'g', 'weight');
  const strided = shape.stride.some((step) => step > 1);
  const inPhases = strided && shape.dilation.every((step) => step === 1);
  const blockFor = (width: number) => blockOf(shape.inChannels / shape.groups, width, capabilities);
  const block = blockFor(inPhases ? Math.ceil(shape.image[1] / shape.stride[1]) : shape.image[1]);
  const kernel = (name: string, wgsl: string, groups: number): Kernel => ({
    name: `conv2dGradInput.${name}`,
    wgsl,
    inputs,
    outputs: [stored('dx', shape.type)],
    workgroups: blockGrid(groups, shape.inChannels / block.channels),
  });
  const looped = (loop: direct.Conv2dLoop) =>
    kernel(
      loop.rows ? 'rows' : 'direct',
      direct.conv2dGradInputKernel(shape, block, loop),
      direct.conv2dGradInputGroups(shape, block, loop),
    );
  const phases = () =>
    kernel('phases', conv2dPhasesKernel(shape, block), Math.ceil(conv2dPhasesThreads(shape, block) / LINEAR_WORKGROUP));
  const plain = inPhases
    ? [{ name: 'phases', kernels: [phases()] }]
    : strided
      ? [{ name: 'direct', kernels: [looped({ rows: false, shared: false })] }]
      : loopVariants(shape, block, capabilities, looped);
  const gemm = shader.conv2dGradInputGemm(shape);
  const tiled = gemmVariants('conv2dGradInput', gemm, inputs, imageSize(shape));
  const turned = turnedAround(shape);
  const own = turned ? depthwiseVariants('conv2dGradInput', turned, false, true) : [];
  const inColumns = inPhases ? columnsVariants(shape, capabilities) : [];
  return [...inColumns, ...ordered(plain, own, tiled, gemm, capabilities)];
}

/** From g and x. */
export function gradWeightVariants(shape: direct.Conv2dShape, capabilities: Capabilities): Variant[] {
  const block = { channels: channelBlock(shape.outChannels / shape.groups, 4), pixels: pixelBlock(shape.output[1]) };
  const inputs = read(shape.type, 'g', 'x');
  // Slice the batch until there are some thousand threads to share the work.
  const unsliced = conv2dGradWeightThreads(shape, block, 1);
  const batch = Math.max(1, shape.batch);
  const perSlice = Math.ceil(batch / Math.min(batch, Math.ceil(8192 / unsliced)));
  const slices = Math.ceil(batch / perSlice);
  const kernel = {
    name: slices === 1 ? 'conv2dGradWeight.direct' : 'conv2dGradWeight.slices',
    wgsl: conv2dGradWeightKernel(shape, block, slices),
    inputs,
    workgroups: linearGrid(conv2dGradWeightThreads(shape, block, slices), LINEAR_WORKGROUP),
  };
  const size = weightSize(shape);
  const sliced = addingSlices(
    slices === 1 ? 'direct' : 'sliced',
    kernel,
    stored('dw', shape.type, slices),
    slices,
    size,
    shape.type,
  );
  const gemm = shader.conv2dGradWeightGemm(shape);
  const own = depthwiseGradWeightVariants(shape, capabilities);
  return ordered([sliced], own, gemmVariants('conv2dGradWeight', gemm, inputs, size), gemm, capabilities);
}
