// Two-dimensional convolution, direct: NCHW images, OIHW weights, any stride, padding, dilation and groups.
//
// forward      one thread computes `channels` output channels of `pixels` neighbours in a row, in registers. The channels
//              come from the workgroup's y, so all threads of a group read the same weights.
// grad input   the same, the other way round: `channels` input channels of `pixels` neighbours, gathered from the outputs
//              that they took part in.
// grad weight  one thread sums `channels` × KW weights over a slice of the batch, `pixels` columns at a time; the slices are
//              added by a second kernel, always in the same order, so training repeats to the bit.
// The first two go along their sums in one loop: nested ones carry all totals in and out of each other, which cost SwiftShader more than half
// of its time (0.4 times, 64 channels of 56 x 56) and lavapipe a sixth.
// No barrier and no workgroup memory: one variant serves GPUs and software adapters.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { LINEAR_WORKGROUP, linearMain, once } from './lib/grid.wgsl.ts';

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
  /** The type of an element of every tensor; sums are f32. */
  readonly type: 'f32' | 'f16';
}

/** How much one thread computes: `channels` divides the channels of a group. */
export interface Conv2dBlock {
  readonly channels: number;
  readonly pixels: number;
}

export const range = (length: number) => Array.from({ length }, (_, i) => i);
/** All pairs (i, j), one statement each. */
export const pairs = (rows: number, columns: number, statement: (i: number, j: number) => string) =>
  range(rows)
    .map((i) =>
      range(columns)
        .map((j) => statement(i, j))
        .join(' '),
    )
    .join('\n        ');

/** True when a window may reach outside of the image. */
const padded = ({ padding }: Conv2dShape) => padding[0] > 0 || padding[1] > 0;

/**
 * Places of a sum over `channels` × `rows` × `columns` terms, for a loop over k: `channel`, `ky` and `kx` count along, as integer
 * division is slow on CPUs. `start` stands before the loop, `next` at its end.
 */
export const counters = (rows: number, columns: number) => ({
  start: 'var channel = 0u; var ky = 0u; var kx = 0u;',
  next: `kx += 1u; ky += select(0u, 1u, kx == ${columns}u); kx = select(kx, 0u, kx == ${columns}u);
    channel += select(0u, 1u, ky == ${rows}u); ky = select(ky, 0u, ky == ${rows}u);`,
});

/** Loads what pixel `p` of a block sees of row `y`, where the first sees `column`. */
const loadPixel = (s: Conv2dShape, p: number): string => {
  const [at, last] = [`column + ${p * s.stride[1]}u`, `${s.image[1] - 1}u`];
  const value = `f32(x[x_row + min(${at}, ${last})])`;
  return `let x_${p} = ${padded(s) ? `select(0.0, ${value}, ${at} <= ${last} && y < ${s.image[0]}u)` : value};`;
};

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

/** Opens main for `threads` threads in x, and declares the channel block in y; then splits `index` into a place. */
const blockMain = (threads: number, channels: number, height: number, pixelBlocks: number, pixels: number) => wgsl`
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = (group.z * groups.x + group.x) * ${LINEAR_WORKGROUP}u + local;
  if (index >= ${threads}u) { return; }
  ${once}
  let first_channel = group.y * ${channels}u;
  let first_column = (index % ${pixelBlocks}u) * ${pixels}u;
  let row = (index / ${pixelBlocks}u) % ${height}u;
  let item = index / ${pixelBlocks * height}u;
`;

/**
 * Stores a block of totals, of which channels lie `plane` apart and pixels `step`; pixels past the right edge are left out. In a
 * loop that compilers cannot unroll: they would write out the ops that joined the kernel once for each total, and take seconds.
 */
export const storeBlock = (name: string, type: string, block: Conv2dBlock, plane: number, width: number, step = 1) => {
  const { channels, pixels } = block;
  return wgsl`
  var totals = array<f32, ${channels * pixels}>(${pairs(channels, pixels, (c, p) => `total_${c}_${p},`)});
  for (var c = 0u; c < ${channels}u * once; c++) {
    for (var p = 0u; p < ${pixels}u * once; p++) {
      if (first_column + p * ${step}u < ${width}u) { store_${name}(at + c * ${plane}u + p * ${step}u, ${type}(totals[c * ${pixels}u + p])); }
    }
  }
`;
};

/** Threads of the forward kernel in x; its y has one workgroup for each block of channels. */
export const conv2dThreads = ({ batch, output }: Conv2dShape, { pixels }: Conv2dBlock): number =>
  batch * output[0] * Math.ceil(output[1] / pixels);

export function conv2dKernel(s: Conv2dShape, block: Conv2dBlock, bias: boolean): string {
  const { channels, pixels } = block;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const groupIn = s.inChannels / s.groups;
  const kernelSize = kernelHeight * kernelWidth;
  const edges = padded(s);
  return wgsl`
${blockMain(conv2dThreads(s, block), channels, outHeight, Math.ceil(outWidth / pixels), pixels)}
  let in_channel = (first_channel / ${s.outChannels / s.groups}u) * ${groupIn}u;
  ${pairs(channels, pixels, (c, p) => `var total_${c}_${p} = ${bias ? `f32(bias[first_channel + ${c}u])` : '0.0'};`)}
  // Left of the image the unsigned difference wraps to a large number, which counts as outside too.
  let left = first_column * ${s.stride[1]}u - ${s.padding[1]}u;
  let first_weight = first_channel * ${groupIn * kernelSize}u;
  ${counters(kernelHeight, kernelWidth).start}
  for (var k = 0u; k < ${groupIn * kernelSize}u * once; k++) {
    let y = row * ${s.stride[0]}u + ky * ${s.dilation[0]}u - ${s.padding[0]}u;
    let plane = item * ${s.inChannels}u + in_channel + channel;
    let x_row = (plane * ${height}u + ${edges ? `min(y, ${height - 1}u)` : 'y'}) * ${width}u;
    let column = left + kx * ${s.dilation[1]}u;
    ${range(pixels)
      .map((p) => loadPixel(s, p))
      .join('\n    ')}
    ${range(channels)
      .map((c) => `let w_${c} = f32(weight[first_weight + k + ${c * groupIn * kernelSize}u]);`)
      .join('\n    ')}
    ${pairs(channels, pixels, (c, p) => `total_${c}_${p} += w_${c} * x_${p};`)}
    ${counters(kernelHeight, kernelWidth).next}
  }
  let at = ((item * ${s.outChannels}u + first_channel) * ${outHeight}u + row) * ${outWidth}u + first_column;
  ${storeBlock('y', s.type, block, outHeight * outWidth, outWidth)}
}
`;
}

/** Threads of the input-gradient kernel in x; its y has one workgroup for each block of channels. */
export const conv2dGradInputThreads = ({ batch, image }: Conv2dShape, { pixels }: Conv2dBlock): number =>
  batch * image[0] * Math.ceil(image[1] / pixels);

export function conv2dGradInputKernel(s: Conv2dShape, block: Conv2dBlock): string {
  const { channels, pixels } = block;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const kernelSize = kernelHeight * kernelWidth;
  const strideX = s.stride[1];
  /** What of g pixel `p` takes at a kernel column: `distance` is how far the first pixel is from the start, in image columns. */
  const load = (p: number) => {
    const column = strideX === 1 ? `distance + ${p}u` : `source(distance + ${p}u, ${strideX}u)`;
    return `let c_${p} = ${column}; let g_${p} = select(0.0, f32(g[g_row + min(c_${p}, ${outWidth - 1}u)]), c_${p} < ${outWidth}u && out_row < ${outHeight}u);`;
  };
  const rowDistance = `row + ${s.padding[0]}u - ky * ${s.dilation[0]}u`;
  return wgsl`
// The output position at a distance from the start, or a number past the end where the stride steps over it.
fn source(distance: u32, stride: u32) -> u32 { return select(0xffffffffu, distance / stride, distance % stride == 0u); }
${blockMain(conv2dGradInputThreads(s, block), channels, height, Math.ceil(width / pixels), pixels)}
  let out_channel = (first_channel / ${groupIn}u) * ${groupOut}u;
  ${pairs(channels, pixels, (c, p) => `var total_${c}_${p} = 0.0;`)}
  let first_weight = (out_channel * ${groupIn}u + first_channel % ${groupIn}u) * ${kernelSize}u;
  ${counters(kernelHeight, kernelWidth).start}
  for (var k = 0u; k < ${groupOut * kernelSize}u * once; k++) {
    let out_row = ${s.stride[0] === 1 ? rowDistance : `source(${rowDistance}, ${s.stride[0]}u)`};
    let plane = item * ${s.outChannels}u + out_channel + channel;
    let g_row = (plane * ${outHeight}u + min(out_row, ${outHeight - 1}u)) * ${outWidth}u;
    let distance = first_column + ${s.padding[1]}u - kx * ${s.dilation[1]}u;
    ${range(pixels).map(load).join('\n    ')}
    let at_weight = first_weight + channel * ${groupIn * kernelSize}u + ky * ${kernelWidth}u + kx;
    ${range(channels)
      .map((c) => `let w_${c} = f32(weight[at_weight + ${c * kernelSize}u]);`)
      .join('\n    ')}
    ${pairs(channels, pixels, (c, p) => `total_${c}_${p} += w_${c} * g_${p};`)}
    ${counters(kernelHeight, kernelWidth).next}
  }
  let at = ((item * ${s.inChannels}u + first_channel) * ${height}u + row) * ${width}u + first_column;
  ${storeBlock('dx', s.type, block, height * width, width)}
}
`;
}

/** Threads of the weight-gradient kernel with `slices` slices of the batch. */
export function conv2dGradWeightThreads(s: Conv2dShape, { channels }: Conv2dBlock, slices: number): number {
  return slices * (s.outChannels / channels) * (s.inChannels / s.groups) * s.kernel[0];
}

export function conv2dGradWeightKernel(s: Conv2dShape, block: Conv2dBlock, slices: number): string {
  const { channels, pixels } = block;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const kernelSize = kernelHeight * kernelWidth;
  const channelBlocks = s.outChannels / channels;
  const perSlice = Math.ceil(s.batch / slices);
  const edges = padded(s);
  const whole = outWidth % pixels === 0;
  const loadG = (c: number, p: number) => {
    const value = `f32(g[g_row + ${c * outHeight * outWidth}u + ${whole ? `column + ${p}u` : `min(column + ${p}u, ${outWidth - 1}u)`}])`;
    return `let g_${c}_${p} = ${whole || p === 0 ? value : `select(0.0, ${value}, column + ${p}u < ${outWidth}u)`};`;
  };
  return wgsl`
${linearMain(conv2dGradWeightThreads(s, block, slices))}
  let ky = index % ${kernelHeight}u;
  let c = (index / ${kernelHeight}u) % ${groupIn}u;
  let first_channel = ((index / ${kernelHeight * groupIn}u) % ${channelBlocks}u) * ${channels}u;
  let slice = index / ${kernelHeight * groupIn * channelBlocks}u;
  let in_channel = (first_channel / ${groupOut}u) * ${groupIn}u + c;
  ${pairs(channels, kernelWidth, (o, k) => `var total_${o}_${k} = 0.0;`)}
  for (var item = slice * ${perSlice}u; item < min((slice + 1u) * ${perSlice}u, ${s.batch}u); item++) {
    for (var row = 0u; row < ${outHeight}u * once; row++) {
      let y = row * ${s.stride[0]}u + ky * ${s.dilation[0]}u - ${s.padding[0]}u;
#if ${edges}
      if (y >= ${height}u) { continue; }
#endif
      let x_row = ((item * ${s.inChannels}u + in_channel) * ${height}u + y) * ${width}u;
      let g_row = ((item * ${s.outChannels}u + first_channel) * ${outHeight}u + row) * ${outWidth}u;
      for (var column = 0u; column < ${outWidth}u * once; column += ${pixels}u) {
        let left = column * ${s.stride[1]}u - ${s.padding[1]}u;
        ${pairs(channels, pixels, loadG)}
        ${loadImageColumns(s, pixels)}
        ${pairs(channels, kernelWidth, (o, k) =>
          range(pixels)
            .map((p) => `total_${o}_${k} += g_${o}_${p} * x_${p * s.stride[1] + k * s.dilation[1]};`)
            .join(' '),
        )}
      }
    }
  }
  let at = slice * ${s.outChannels * groupIn * kernelSize}u + (first_channel * ${groupIn}u + c) * ${kernelSize}u + ky * ${kernelWidth}u;
  ${pairs(channels, kernelWidth, (o, k) => `store_dw(at + ${o * groupIn * kernelSize + k}u, ${slices > 1 ? 'f32' : s.type}(total_${o}_${k}));`)}
}
`;
}
