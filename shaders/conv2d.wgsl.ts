// Two-dimensional convolution, direct: NCHW images, OIHW weights, any stride, padding, dilation and groups.
//
// forward      one thread computes `channels` output channels of `pixels` neighbours in a row, in registers: each weight
//              and each image value that it loads is used `pixels` or `channels` times. No barrier, no workgroup memory.
// grad input   the same, the other way round: `channels` input channels of `pixels` neighbours, gathered from the outputs
//              that they took part in.
// grad weight  one thread sums `channels` × KW weights over a slice of the batch; the slices are added by a second kernel,
//              always in the same order, so training repeats to the bit.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';

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
}

/** How much one thread computes: `channels` divides the channels of a group. */
export interface Conv2dBlock {
  readonly channels: number;
  readonly pixels: number;
}

const range = (length: number) => Array.from({ length }, (_, i) => i);
const lines = (length: number, line: (i: number) => string) => range(length).map(line).join('\n      ');
const padded = ({ padding, stride, dilation, image, output, kernel }: Conv2dShape) =>
  [0, 1].some((axis) => padding[axis] > 0 || (output[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] >= image[axis]);

/** Splits \`index\` into a batch item, a block of channels, a row and a block of pixels. */
const position = (channelBlocks: number, height: number, pixelBlocks: number, pixels: number) => wgsl`
  let first_column = (index % ${pixelBlocks}u) * ${pixels}u;
  let row = (index / ${pixelBlocks}u) % ${height}u;
  let block = (index / ${pixelBlocks * height}u) % ${channelBlocks}u;
  let item = index / ${pixelBlocks * height * channelBlocks}u;
`;

/** Threads of the forward kernel. */
export function conv2dThreads({ batch, outChannels, output }: Conv2dShape, { channels, pixels }: Conv2dBlock): number {
  return batch * (outChannels / channels) * output[0] * Math.ceil(output[1] / pixels);
}

export function conv2dKernel(s: Conv2dShape, block: Conv2dBlock, bias: boolean): string {
  const { channels, pixels } = block;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const kernelSize = kernelHeight * kernelWidth;
  const edges = padded(s);
  return wgsl`
${linearMain(conv2dThreads(s, block))}
  ${position(s.outChannels / channels, outHeight, Math.ceil(outWidth / pixels), pixels)}
  let first_channel = block * ${channels}u;
  let in_channel = (first_channel / ${groupOut}u) * ${groupIn}u;
  ${range(channels).map((c) => range(pixels).map((p) => `var total_${c}_${p} = ${bias ? `bias[first_channel + ${c}u]` : '0.0'};`).join(' ')).join('\n  ')}
  // Pixels past the right edge repeat the last one and are not stored.
  ${range(pixels).map((p) => `let column_${p} = min(first_column + ${p}u, ${outWidth - 1}u) * ${s.stride[1]}u;`).join('\n  ')}
  for (var c = 0u; c < ${groupIn}u; c++) {
    for (var ky = 0u; ky < ${kernelHeight}u; ky++) {
      let y = row * ${s.stride[0]}u + ky * ${s.dilation[0]}u${edges ? ` - ${s.padding[0]}u` : ''};
#if ${edges}
      if (y >= ${height}u) { continue; }  // above the image the unsigned difference wraps to a large number
#endif
      let x_row = ((item * ${s.inChannels}u + in_channel + c) * ${height}u + y) * ${width}u;
      let w_row = (first_channel * ${groupIn}u + c) * ${kernelSize}u + ky * ${kernelWidth}u;
      for (var kx = 0u; kx < ${kernelWidth}u; kx++) {
        let shift = kx * ${s.dilation[1]}u;
        ${lines(channels, (i) => `let w_${i} = weight[w_row + ${i * groupIn * kernelSize}u + kx];`)}
        ${lines(pixels, (p) =>
          edges
            ? `let at_${p} = column_${p} + shift - ${s.padding[1]}u;
        let x_${p} = select(0.0, x[x_row + min(at_${p}, ${width - 1}u)], at_${p} < ${width}u);`
            : `let x_${p} = x[x_row + column_${p} + shift];`,
        )}
        ${range(channels).map((i) => range(pixels).map((p) => `total_${i}_${p} += w_${i} * x_${p};`).join(' ')).join('\n        ')}
      }
    }
  }
  let y_row = ((item * ${s.outChannels}u + first_channel) * ${outHeight}u + row) * ${outWidth}u + first_column;
  ${range(pixels).map((p) => `if (first_column + ${p}u < ${outWidth}u) { ${range(channels).map((c) => `y[y_row + ${c * outHeight * outWidth + p}u] = total_${c}_${p};`).join(' ')} }`).join('\n  ')}
}
`;
}

/** Threads of the input-gradient kernel. */
export function conv2dGradInputThreads({ batch, inChannels, image }: Conv2dShape, { channels, pixels }: Conv2dBlock): number {
  return batch * (inChannels / channels) * image[0] * Math.ceil(image[1] / pixels);
}

export function conv2dGradInputKernel(s: Conv2dShape, block: Conv2dBlock): string {
  const { channels, pixels } = block;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const kernelSize = kernelHeight * kernelWidth;
  // The output position from which kernel position k reached image position i, or a number past the end.
  const source = (i: string, k: string, axis: 0 | 1) => {
    const distance = `${i} + ${s.padding[axis]}u - ${k} * ${s.dilation[axis]}u`;
    return s.stride[axis] === 1 ? distance : `source(${distance}, ${s.stride[axis]}u)`;
  };
  return wgsl`
fn source(distance: u32, stride: u32) -> u32 { return select(0xffffffffu, distance / stride, distance % stride == 0u); }
${linearMain(conv2dGradInputThreads(s, block))}
  ${position(s.inChannels / channels, height, Math.ceil(width / pixels), pixels)}
  let first_channel = block * ${channels}u;
  let out_channel = (first_channel / ${groupIn}u) * ${groupOut}u;
  ${range(channels).map((c) => range(pixels).map((p) => `var total_${c}_${p} = 0.0;`).join(' ')).join('\n  ')}
  for (var o = 0u; o < ${groupOut}u; o++) {
    for (var ky = 0u; ky < ${kernelHeight}u; ky++) {
      let out_row = ${source('row', 'ky', 0)};
      if (out_row >= ${outHeight}u) { continue; }
      let g_row = ((item * ${s.outChannels}u + out_channel + o) * ${outHeight}u + out_row) * ${outWidth}u;
      let w_row = ((out_channel + o) * ${groupIn}u + first_channel % ${groupIn}u) * ${kernelSize}u + ky * ${kernelWidth}u;
      for (var kx = 0u; kx < ${kernelWidth}u; kx++) {
        ${lines(channels, (i) => `let w_${i} = weight[w_row + ${i * kernelSize}u + kx];`)}
        ${lines(
          pixels,
          (p) => `let at_${p} = ${source(`(first_column + ${p}u)`, 'kx', 1)};
        let g_${p} = select(0.0, g[g_row + min(at_${p}, ${outWidth - 1}u)], at_${p} < ${outWidth}u);`,
        )}
        ${range(channels).map((i) => range(pixels).map((p) => `total_${i}_${p} += w_${i} * g_${p};`).join(' ')).join('\n        ')}
      }
    }
  }
  let dx_row = ((item * ${s.inChannels}u + first_channel) * ${height}u + row) * ${width}u + first_column;
  ${range(pixels).map((p) => `if (first_column + ${p}u < ${width}u) { ${range(channels).map((c) => `dx[dx_row + ${c * height * width + p}u] = total_${c}_${p};`).join(' ')} }`).join('\n  ')}
}
`;
}

/** Threads of the weight-gradient kernel with `slices` slices of the batch. */
export function conv2dGradWeightThreads({ inChannels, outChannels, groups, kernel }: Conv2dShape, channels: number, slices: number): number {
  return slices * (outChannels / channels) * (inChannels / groups) * kernel[0];
}

export function conv2dGradWeightKernel(s: Conv2dShape, channels: number, slices: number): string {
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const outSize = outHeight * outWidth;
  const kernelSize = kernelHeight * kernelWidth;
  const perSlice = Math.ceil(s.batch / slices);
  const edges = padded(s);
  return wgsl`
${linearMain(conv2dGradWeightThreads(s, channels, slices))}
  let ky = index % ${kernelHeight}u;
  let c = (index / ${kernelHeight}u) % ${groupIn}u;
  let first_channel = ((index / ${kernelHeight * groupIn}u) % ${s.outChannels / channels}u) * ${channels}u;
  let slice = index / ${kernelHeight * groupIn * (s.outChannels / channels)}u;
  let in_channel = (first_channel / ${groupOut}u) * ${groupIn}u + c;
  ${range(channels).map((o) => range(kernelWidth).map((k) => `var total_${o}_${k} = 0.0;`).join(' ')).join('\n  ')}
  for (var item = slice * ${perSlice}u; item < min((slice + 1u) * ${perSlice}u, ${s.batch}u); item++) {
    for (var row = 0u; row < ${outHeight}u; row++) {
      let y = row * ${s.stride[0]}u + ky * ${s.dilation[0]}u${edges ? ` - ${s.padding[0]}u` : ''};
#if ${edges}
      if (y >= ${height}u) { continue; }
#endif
      let x_row = ((item * ${s.inChannels}u + in_channel) * ${height}u + y) * ${width}u;
      let g_row = ((item * ${s.outChannels}u + first_channel) * ${outHeight}u + row) * ${outWidth}u;
      for (var column = 0u; column < ${outWidth}u; column++) {
        ${lines(channels, (o) => `let g_${o} = g[g_row + ${o * outSize}u + column];`)}
        ${lines(kernelWidth, (k) =>
          edges
            ? `let at_${k} = column * ${s.stride[1]}u + ${k * s.dilation[1]}u - ${s.padding[1]}u;
        let x_${k} = select(0.0, x[x_row + min(at_${k}, ${width - 1}u)], at_${k} < ${width}u);`
            : `let x_${k} = x[x_row + column * ${s.stride[1]}u + ${k * s.dilation[1]}u];`,
        )}
        ${range(channels).map((o) => range(kernelWidth).map((k) => `total_${o}_${k} += g_${o} * x_${k};`).join(' ')).join('\n        ')}
      }
    }
  }
  let at = slice * ${s.outChannels * groupIn * kernelSize}u + (first_channel * ${groupIn}u + c) * ${kernelSize}u + ky * ${kernelWidth}u;
  ${range(channels).map((o) => range(kernelWidth).map((k) => `dw[at + ${o * groupIn * kernelSize + k}u] = total_${o}_${k};`).join(' ')).join('\n  ')}
}
`;
}
