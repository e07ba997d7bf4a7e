// Kernel variants of a convolution and its gradients, and which of them comes first.

import { conv2dColumns, columnsScratch, placesOf } from '../../../shaders/conv/conv2d-columns.wgsl.ts';
import {
  depthwise,
  depthwiseGradWeight,
  depthwiseGradWeightBytes,
} from '../../../shaders/conv/conv2d-depthwise.wgsl.ts';
import {
  conv2dGemm, conv2dGemmDepth, conv2dGemmTiled, conv2dGemmTiles, conv2dGradInputGemm, conv2dGradWeightGemm, type Conv2dGemm,
} from '../../../shaders/conv/conv2d-gemm.wgsl.ts'; // prettier-ignore
import {
  conv2dGradWeightBlocks, conv2dGradWeightThreads,
} from '../../../shaders/conv/conv2d-grad-weight.wgsl.ts'; // prettier-ignore
import { conv2dPhases } from '../../../shaders/conv/conv2d-phases.wgsl.ts';
import {
  conv2dBlocks, conv2dGradInputBlocks, type Conv2dBlock, type Conv2dLoop, type Conv2dShape,
} from '../../../shaders/conv/conv2d.wgsl.ts'; // prettier-ignore
import {
  MAX_WORKGROUPS, MOST_SOFTWARE_SCRATCH, type Capabilities, type Kernel, type Variant,
} from '../../core/kernel.ts'; // prettier-ignore

/** The largest divisor of `channels` up to `most`: channels that one thread keeps in registers. */
function channelBlock(channels: number, most: number): number {
  let block = Math.min(most, channels);
  while (channels % block !== 0) block--;
  return block;
}

/** Adjacent pixels of a row of `width` per thread: of 4 to `most`, the number that wastes the least in the last block. */
function pixelBlock(width: number, most = 7): number {
  if (width <= most) return width;
  const waste = (pixels: number) => Math.ceil(width / pixels) * pixels;
  let best = most;
  for (let pixels = most - 1; pixels >= 4; pixels--) if (waste(pixels) < waste(best)) best = pixels;
  return best;
}

/** One thread's block of `channels` channels and rows of `width`: larger on a CPU, as a GPU lacks registers. */
function blockOf(channels: number, width: number, { software }: Capabilities): Conv2dBlock {
  const pixels = pixelBlock(width, software ? (channels > 6 ? 10 : 14) : 7);
  return { channels: channelBlock(channels, software && pixels <= 10 ? 16 : 8), pixels };
}

/** Workgroups that keep a GPU busy, and the least depth at which splitting k pays. */
const [ENOUGH_TILES, LEAST_DEPTH] = [256, 128];

/** The product in tiles of workgroup memory; none if it cannot be dispatched or has one row. */
function gemmVariants(gemm: Conv2dGemm | null): Variant[] {
  if (!gemm || gemm.m === 1) return [];
  const [columns, rows] = conv2dGemmTiles(gemm);
  const wanted = Math.min(Math.ceil(ENOUGH_TILES / (columns * rows)), Math.floor(gemm.k / LEAST_DEPTH));
  const splits = Math.max(1, Math.ceil(gemm.k / conv2dGemmDepth(gemm, Math.max(1, wanted))));
  return rows * splits > MAX_WORKGROUPS ? [] : [conv2dGemmTiled(gemm, splits)];
}

/** True when every output depends on only one of several input channels. */
const isDepthwise = ({ inChannels, groups }: Conv2dShape) => groups > 1 && groups === inChannels;

/** Most products that are unrolled in a kernel's WGSL. */
const MOST_PRODUCTS = 256;

/** One thread per block of one channel; none if channels are summed over. */
function depthwiseVariants(name: string, shape: Conv2dShape, bias: boolean, turned: boolean): Variant[] {
  if (!isDepthwise(shape) || shape.outChannels > MAX_WORKGROUPS) return [];
  const pixels = pixelBlock(shape.output[1]);
  const rows = Math.floor(MOST_PRODUCTS / (pixels * shape.kernel[0] * shape.kernel[1]));
  const block = { pixels, rows: Math.max(1, Math.min(4, rows, shape.output[0])) };
  return [{ name: 'depthwise', kernels: [depthwise(name, shape, block, bias, turned)] }];
}

/** The image's gradient as a convolution with flipped weights; null if it is not one. */
function turnedAround(s: Conv2dShape): Conv2dShape | null {
  const padding = [0, 1].map((axis) => s.dilation[axis] * (s.kernel[axis] - 1) - s.padding[axis]);
  if (s.inChannels !== s.outChannels || s.stride.some((step) => step > 1) || padding.some((n) => n < 0)) return null;
  return { ...s, image: s.output, output: s.image, padding: [padding[0], padding[1]] };
}

function depthwiseGradWeightVariants(shape: Conv2dShape, capabilities: Capabilities): Variant[] {
  if (!isDepthwise(shape) || shape.outChannels > MAX_WORKGROUPS) return [];
  if (depthwiseGradWeightBytes(shape) > capabilities.maxComputeWorkgroupStorageSize) return [];
  const batch = Math.max(1, shape.batch);
  const splits = Math.min(batch, Math.ceil((2 * ENOUGH_TILES) / shape.outChannels), MAX_WORKGROUPS);
  return [depthwiseGradWeight(shape, pixelBlock(shape.output[1]), splits)];
}

/** Most loads per iteration of the loop: with 220, CPUs take half a second to compile the WGSL. */
const MOST_LOADS = 160;

/**
 * `kernel` with a loop over taps, and with one over rows of taps, which has fewer loads and longer WGSL. On a CPU with 4-wide
 * vectors, whose compiler does not vectorize loads, the second is 50 % faster; a wider one gains 10 % and compiles 50 % longer.
 */
function loopVariants(
  { kernel: [, taps], stride, dilation }: Conv2dShape,
  { channels, pixels }: Conv2dBlock,
  { software, subgroups, subgroupMaxSize }: Capabilities,
  kernel: (loop: Conv2dLoop) => Kernel,
): Variant[] {
  const shared = software && subgroups;
  const plain = { name: 'direct', kernels: [kernel({ rows: false, shared })] };
  const columns = (pixels - 1) * stride[1] + (taps - 1) * dilation[1] + 1;
  if (taps === 1 || channels * taps + columns > MOST_LOADS) return [plain];
  const rows = { name: 'rows', kernels: [kernel({ rows: true, shared })] };
  return software && subgroupMaxSize === 4 ? [rows, plain] : [plain, rows];
}

/** On GPUs depthwise kernels come first, then tiles if these are filled well enough to pay for their barriers. */
function ordered(
  plain: readonly Variant[],
  own: readonly Variant[],
  gemm: Conv2dGemm | null,
  { software }: Capabilities,
): Variant[] {
  const tiled = gemmVariants(gemm);
  if (software) return [...plain, ...own, ...tiled];
  const pays = gemm && gemm.m >= 24 && gemm.n >= 24 && gemm.k >= 16;
  return pays ? [...own, ...tiled, ...plain] : [...own, ...plain, ...tiled];
}

/** Variants that compute y from x, weight and, with `bias`, bias. */
export function forwardVariants(shape: Conv2dShape, bias: boolean, capabilities: Capabilities): Variant[] {
  const block = blockOf(shape.outChannels / shape.groups, shape.output[1], capabilities);
  const plain = loopVariants(shape, block, capabilities, (loop) => conv2dBlocks(shape, block, bias, loop));
  const gemm = conv2dGemm(shape, bias);
  const own = depthwiseVariants('conv2d', shape, bias, false);
  return ordered(plain, own, gemm, capabilities);
}

/** A product and a sum over its results; none if those are too many. */
function columnsVariants(shape: Conv2dShape, capabilities: Capabilities): Variant[] {
  const fits = 4 * columnsScratch(shape) <= MOST_SOFTWARE_SCRATCH && placesOf(shape) % 4 === 0;
  return capabilities.software && fits ? [conv2dColumns(shape, capabilities)] : [];
}

/** Variants that compute dx from g and weight. */
export function gradInputVariants(shape: Conv2dShape, capabilities: Capabilities): Variant[] {
  const strided = shape.stride.some((step) => step > 1);
  const inPhases = strided && shape.dilation.every((step) => step === 1);
  const blockFor = (width: number) => blockOf(shape.inChannels / shape.groups, width, capabilities);
  const block = blockFor(inPhases ? Math.ceil(shape.image[1] / shape.stride[1]) : shape.image[1]);
  const looped = (loop: Conv2dLoop) => conv2dGradInputBlocks(shape, block, loop);
  const plain = inPhases
    ? [{ name: 'phases', kernels: [conv2dPhases(shape, block)] }]
    : strided
      ? [{ name: 'direct', kernels: [looped({ rows: false, shared: false })] }]
      : loopVariants(shape, block, capabilities, looped);
  const gemm = conv2dGradInputGemm(shape);
  const turned = turnedAround(shape);
  const own = turned ? depthwiseVariants('conv2dGradInput', turned, false, true) : [];
  const inColumns = inPhases ? columnsVariants(shape, capabilities) : [];
  return [...inColumns, ...ordered(plain, own, gemm, capabilities)];
}

/** Variants that compute dw from g and x. */
export function gradWeightVariants(shape: Conv2dShape, capabilities: Capabilities): Variant[] {
  const block = { channels: channelBlock(shape.outChannels / shape.groups, 4), pixels: pixelBlock(shape.output[1]) };
  // Split the batch until there are several thousand threads to share the work.
  const unsplit = conv2dGradWeightThreads(shape, block, 1);
  const batch = Math.max(1, shape.batch);
  const perSplit = Math.ceil(batch / Math.min(batch, Math.ceil(8192 / unsplit)));
  const plain = conv2dGradWeightBlocks(shape, block, Math.ceil(batch / perSplit));
  const gemm = conv2dGradWeightGemm(shape);
  return ordered([plain], depthwiseGradWeightVariants(shape, capabilities), gemm, capabilities);
}
