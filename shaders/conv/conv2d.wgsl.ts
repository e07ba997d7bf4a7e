// 2-D convolution, direct: NCHW images, OIHW weights, any stride, padding, dilation and groups.
//
// forward     one thread computes `channels` output channels of `pixels` neighbours in a row, in registers. The channels are
//             given by the workgroup's y, so that all its threads read the same weights.
// grad input  the reverse: `channels` input channels of `pixels` neighbours, gathered from the outputs that they contributed to.
// Both have a single loop over their sums: nested loops carry all totals in and out of each other, which cost SwiftShader more
// than half of its time (0.4 times, 64 channels of 56 × 56) and lavapipe a sixth. An iteration of the loop handles
//   direct  one position in the kernel: `pixels` image values for `channels` × `pixels` products;
//   rows    a row of the kernel, unrolled: the windows of neighbours overlap, and shared values are loaded once.
// If a CPU has subgroups, each of four lanes loads a quarter of the weights and broadcasts them (`lib/lanes.wgsl.ts`).
// No barriers or workgroup memory: for GPUs and software adapters alike.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Kernel } from '../../src/core/kernel.ts';
import { reads, stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, once } from '../lib/grid.wgsl.ts';
import { LANE_BUILTIN, numbersFromLanes } from '../lib/lanes.wgsl.ts';
import { range } from '../lib/text.ts';

export interface Conv2dShape {
  readonly batch: number;
  /** Channels of the image and of the output, over all groups. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  /** Height and width of image, output and kernel. */
  readonly image: readonly [number, number];
  readonly output: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Element type of every tensor; sums are f32. */
  readonly type: 'f32' | 'f16';
}

/** Number of elements of the output, of the image, and of the weights. */
export const outputSize = ({ batch, outChannels, output }: Conv2dShape): number =>
  batch * outChannels * output[0] * output[1];
export const imageSize = ({ batch, inChannels, image }: Conv2dShape): number =>
  batch * inChannels * image[0] * image[1];
export const weightSize = (s: Conv2dShape): number =>
  (s.outChannels * s.inChannels * s.kernel[0] * s.kernel[1]) / s.groups;

/** The block that one thread computes: `channels` divides the channels of a group. */
export interface Conv2dBlock {
  readonly channels: number;
  readonly pixels: number;
}

/** How a thread loops over its sums. */
export interface Conv2dLoop {
  /** By rows of the kernel instead of single positions. An input gradient supports this only with stride 1. */
  readonly rows: boolean;
  /** Whether the lanes of a subgroup share the loads of weights. */
  readonly shared: boolean;
}

/** A statement for each pair (i, j). */
export const pairs = (rows: number, columns: number, statement: (i: number, j: number) => string) =>
  range(rows)
    .map((i) =>
      range(columns)
        .map((j) => statement(i, j))
        .join(' '),
    )
    .join('\n        ');

/** True if a window may extend past the image. */
export const padded = ({ padding }: Conv2dShape) => padding[0] > 0 || padding[1] > 0;

/**
 * Counters `channel`, `ky` and `kx` for a loop over k, the terms of a sum over channels × `rows` × `columns`: they replace integer
 * division, which is slow on CPUs. `start` goes before the loop, `next` at its end.
 */
export const counters = (rows: number, columns: number) => ({
  start: 'var channel = 0u; var ky = 0u; var kx = 0u;',
  next: `kx += 1u; ky += select(0u, 1u, kx == ${columns}u); kx = select(kx, 0u, kx == ${columns}u);
    channel += select(0u, 1u, ky == ${rows}u); ky = select(ky, 0u, ky == ${rows}u);`,
});

/** Loads the image columns that the windows of `pixels` outputs cover, from `left` on, each once: x_0, x_1 … */
export function loadImageColumns(s: Conv2dShape, pixels: number): string {
  const width = s.image[1];
  const offsets = range(pixels).flatMap((p) => range(s.kernel[1]).map((k) => p * s.stride[1] + k * s.dilation[1]));
  const load = (offset: number) =>
    padded(s)
      ? `let c_${offset} = left + ${offset}u; let x_${offset} = select(0.0, f32(x[x_row + min(c_${offset}, ${width - 1}u)]), c_${offset} < ${width}u);`
      : `let x_${offset} = f32(x[x_row + min(left + ${offset}u, ${width - 1}u)]);`;
  return [...new Set(offsets)].map(load).join('\n      ');
}

/**
 * Stores a block of totals, with stride `plane` between channels and `step` between pixels; pixels past the edge at `width` are
 * skipped. In a loop that compilers cannot unroll: they would repeat the epilogue for each total, and take seconds.
 */
export const storeBlock = (name: string, type: string, block: Conv2dBlock, plane: number, width: number, step = 1) => {
  const { channels, pixels } = block;
  const whole = width % (pixels * step) === 0;
  return wgsl`
  var totals = array<f32, ${channels * pixels}>(${pairs(channels, pixels, (c, p) => `total_${c}_${p},`)});
  for (var c = 0u; c < ${channels}u * once; c++) {
    for (var p = 0u; p < ${pixels}u * once; p++) {
      ${whole ? '' : `if (first_column + p * ${step}u < ${width}u)`} { store_${name}(at + c * ${plane}u + p * ${step}u, ${type}(totals[c * ${pixels}u + p])); }
    }
  }
`;
};

/** The sums of a block's totals: products of `source` and `weight`. */
interface BlockSum {
  readonly source: 'x' | 'g';
  /** Total channels of source, the first of the group, and how many are summed over. */
  readonly channels: number;
  readonly firstChannel: string;
  readonly terms: number;
  readonly size: readonly [number, number];
  /** Whether a window may extend past source; it may always end past the last column. */
  readonly edges: boolean;
  /** The row of source for kernel row `ky`. */
  readonly y: string;
  /** The column of source for the block's first pixel and the leftmost kernel column, and the stride between pixels. */
  readonly left: string;
  readonly step: number;
  /** Whether the kernel's columns are in reverse order. */
  readonly turned: boolean;
  /** The column of source for a column counted from `left`. */
  at(column: string): string;
  /** Offset of the block's first weight, and its strides between channels of source and of the block. */
  readonly firstWeight: string;
  readonly weightStep: { readonly term: number; readonly channel: number };
}

/** The loop over a block's sums, which leaves them in total_CHANNEL_PIXEL. */
function sumLoop(
  s: Conv2dShape,
  { channels, pixels }: Conv2dBlock,
  sum: BlockSum,
  { rows, shared }: Conv2dLoop,
): string {
  const [kernelHeight, kernelWidth] = s.kernel;
  const [height, width] = sum.size;
  const dilation = s.dilation[1];
  const taps = range(rows ? kernelWidth : 1);
  const count = counters(kernelHeight, rows ? 1 : kernelWidth);
  const fromLeft = (kx: number) => (rows ? (sum.turned ? kernelWidth - 1 - kx : kx) * dilation : 0);
  const offset = (p: number, kx: number) => p * sum.step + fromLeft(kx);
  const load = (o: number) => {
    const value = `f32(${sum.source}[source_row + min(c_${o}, ${width - 1}u)])`;
    // Not `&&`, which is a branch: over thirty of them SwiftShader's compiler takes minutes.
    const within = sum.edges ? `select(0.0, ${value}, inside & (c_${o} < ${width}u))` : value;
    return `let c_${o} = ${sum.at(`column + ${o}u`)}; let v_${o} = ${within};`;
  };
  const offsets = new Set(range(pixels).flatMap((p) => taps.map((kx) => offset(p, kx))));
  const { term, channel } = sum.weightStep;
  const inOrder = term === kernelHeight * kernelWidth;
  const fromLanes = numbersFromLanes(
    channels * taps.length,
    (i) => `${i} / ${taps.length}u * ${channel}u + ${i} % ${taps.length}u`,
    (at) => `f32(weight[at_weight + ${at}])`,
  );
  const weight = (c: number, kx: number) =>
    shared ? fromLanes.number(c * taps.length + kx) : `f32(weight[at_weight + ${c * channel + kx}u])`;
  const place = inOrder ? `k * ${taps.length}u` : `channel * ${term}u + ky * ${kernelWidth}u + kx`;
  return wgsl`
  // Left of the image the unsigned difference wraps to a large number, which is also out of bounds.
  let left = ${sum.left};
  let first_weight = ${sum.firstWeight};
  ${shared ? fromLanes.before : ''}
  ${count.start}
  for (var k = 0u; k < ${(sum.terms * kernelHeight * kernelWidth) / taps.length}u * once; k++) {
    let y = ${sum.y};
    ${sum.edges ? `let inside = y < ${height}u;` : ''}
    let plane = item * ${sum.channels}u + ${sum.firstChannel} + channel;
    let source_row = (plane * ${height}u + ${sum.edges ? `min(y, ${height - 1}u)` : 'y'}) * ${width}u;
    let column = left${rows ? '' : ` + ${sum.turned ? `(${kernelWidth - 1}u - kx)` : 'kx'} * ${dilation}u`};
    ${[...offsets].map(load).join('\n    ')}
    let at_weight = first_weight + ${place};
    ${shared ? fromLanes.own : ''}
    ${pairs(taps.length, channels, (kx, c) => `let w_${c}_${kx} = ${weight(c, kx)};`)}
    ${taps.map((kx) => pairs(channels, pixels, (c, p) => `total_${c}_${p} += w_${c}_${kx} * v_${offset(p, kx)};`)).join('\n    ')}
    ${count.next}
  }
`;
}

/** The output of all blocks. */
interface BlockOutput {
  readonly name: 'y' | 'dx';
  readonly channels: number;
  readonly size: readonly [number, number];
  /** The initial total of a block's channel. */
  start(channel: number): string;
}

/** The grid of a blocked kernel: `groups` workgroups in x (folded into z past the limit), blocks of channels in y. */
export function blockGrid(groups: number, channelBlocks: number): Kernel['workgroups'] {
  const [x, folds] = linearGrid(groups, 1);
  return [x, channelBlocks, folds];
}

/** Threads in x; y has one workgroup per block of channels. */
const threadsOf = ({ batch }: Conv2dShape, [height, width]: readonly [number, number], { pixels }: Conv2dBlock) =>
  batch * height * Math.ceil(width / pixels);

/** Threads per workgroup: with shared loads none may be idle, so they form whole subgroups of four with few surplus threads. */
const workgroupOf = (threads: number, { shared }: Conv2dLoop): number =>
  shared && threads > 0 ? 4 * Math.ceil(threads / Math.ceil(threads / LINEAR_WORKGROUP) / 4) : LINEAR_WORKGROUP;

const groupsOf = (threads: number, loop: Conv2dLoop): number => Math.ceil(threads / workgroupOf(threads, loop));

function blockText(s: Conv2dShape, block: Conv2dBlock, loop: Conv2dLoop, output: BlockOutput, sum: BlockSum): string {
  const { channels, pixels } = block;
  const [height, width] = output.size;
  const blocks = Math.ceil(width / pixels);
  const threads = threadsOf(s, output.size, block);
  const workgroup = workgroupOf(threads, loop);
  return wgsl`
@compute @workgroup_size(${workgroup})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32${loop.shared ? LANE_BUILTIN : ''}) {
  let thread = (group.z * groups.x + group.x) * ${workgroup}u + local;
  ${loop.shared ? '' : `if (thread >= ${threads}u) { return; }`}
  ${once}
  let index = ${loop.shared ? `min(thread, ${Math.max(threads, 1) - 1}u)` : 'thread'};
  let first_channel = group.y * ${channels}u;
  let first_column = (index % ${blocks}u) * ${pixels}u;
  let row = (index / ${blocks}u) % ${height}u;
  let item = index / ${blocks * height}u;
  ${pairs(channels, 1, (c) => `let start_${c} = ${output.start(c)};`)}
  ${pairs(channels, pixels, (c, p) => `var total_${c}_${p} = start_${c};`)}
  ${sumLoop(s, block, sum, loop)}
  ${loop.shared ? `if (thread >= ${threads}u) { return; }` : ''}
  let at = ((item * ${output.channels}u + first_channel) * ${height}u + row) * ${width}u + first_column;
  ${storeBlock(output.name, s.type, block, height * width, width)}
}
`;
}

/** The inputs of a convolution: the image and the weights, then the bias if there is one. */
export const forwardInputs = (s: Conv2dShape, bias: boolean): Binding[] =>
  reads(s.type, 'x', 'weight', ...(bias ? ['bias'] : []));

/** The variants `direct` and `rows` of the forward pass. */
export function conv2dBlocks(s: Conv2dShape, block: Conv2dBlock, bias: boolean, loop: Conv2dLoop): Kernel {
  const groupIn = s.inChannels / s.groups;
  const kernelSize = s.kernel[0] * s.kernel[1];
  const text = blockText(
    s,
    block,
    loop,
    {
      name: 'y',
      channels: s.outChannels,
      size: s.output,
      start: (c) => (bias ? `f32(bias[first_channel + ${c}u])` : '0.0'),
    },
    {
      source: 'x',
      channels: s.inChannels,
      firstChannel: `first_channel / ${s.outChannels / s.groups}u * ${groupIn}u`,
      terms: groupIn,
      size: s.image,
      edges: padded(s),
      y: `row * ${s.stride[0]}u + ky * ${s.dilation[0]}u - ${s.padding[0]}u`,
      left: `first_column * ${s.stride[1]}u - ${s.padding[1]}u`,
      step: s.stride[1],
      turned: false,
      at: (column) => column,
      firstWeight: `first_channel * ${groupIn * kernelSize}u`,
      weightStep: { term: kernelSize, channel: groupIn * kernelSize },
    },
  );
  return {
    name: loop.rows ? 'conv2d.rows' : 'conv2d.direct',
    inputs: forwardInputs(s, bias),
    outputs: [stores('y', s.type)],
    workgroups: blockGrid(groupsOf(threadsOf(s, s.output, block), loop), s.outChannels / block.channels),
    wgsl: text,
  };
}

/** The inputs of an input gradient. */
export const gradInputInputs = (s: Conv2dShape): Binding[] => reads(s.type, 'g', 'weight');

/** The variants `direct` and `rows` of the input gradient. */
export function conv2dGradInputBlocks(s: Conv2dShape, block: Conv2dBlock, loop: Conv2dLoop): Kernel {
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const kernelSize = s.kernel[0] * s.kernel[1];
  const source = (axis: 0 | 1) => (distance: string) =>
    s.stride[axis] === 1 ? distance : `source(${distance}, ${s.stride[axis]}u)`;
  const firstOutChannel = `first_channel / ${groupIn}u * ${groupOut}u`;
  const text = wgsl`
// The output position at a distance from the start, or a number past the end if the stride skips it.
fn source(distance: u32, stride: u32) -> u32 { return select(0xffffffffu, distance / stride, distance % stride == 0u); }
${blockText(
  s,
  block,
  loop,
  { name: 'dx', channels: s.inChannels, size: s.image, start: () => '0.0' },
  {
    source: 'g',
    channels: s.outChannels,
    firstChannel: firstOutChannel,
    terms: groupOut,
    size: s.output,
    edges: true,
    y: source(0)(`row + ${s.padding[0]}u - ky * ${s.dilation[0]}u`),
    left: `first_column + ${s.padding[1]}u - ${(s.kernel[1] - 1) * s.dilation[1]}u`,
    step: 1,
    turned: true,
    at: source(1),
    firstWeight: `(${firstOutChannel} * ${groupIn}u + first_channel % ${groupIn}u) * ${kernelSize}u`,
    weightStep: { term: groupIn * kernelSize, channel: kernelSize },
  },
)}
`;
  return {
    name: loop.rows ? 'conv2dGradInput.rows' : 'conv2dGradInput.direct',
    inputs: gradInputInputs(s),
    outputs: [stores('dx', s.type)],
    workgroups: blockGrid(groupsOf(threadsOf(s, s.image, block), loop), s.inChannels / block.channels),
    wgsl: text,
  };
}
