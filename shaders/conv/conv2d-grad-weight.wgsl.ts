// The weight gradient of a 2-D convolution, direct: NCHW images, OIHW weights, any stride, padding, dilation and groups.
//
// One thread sums `channels` × KW weights over a part of the batch, `pixels` columns at a time; a second kernel adds partial sums
// in a fixed order, so that training is reproducible to the bit. No barriers or workgroup memory.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Variant } from '../../src/core/kernel.ts';
import { loadImageColumns, padded, pairs, weightSize, type Conv2dBlock, type Conv2dShape } from './conv2d.wgsl.ts';
import { reads, stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { addingSplits } from '../lib/splits.wgsl.ts';
import { range } from '../lib/text.ts';

/** The inputs of a weight gradient. */
export const gradWeightInputs = (s: Conv2dShape): Binding[] => reads(s.type, 'g', 'x');

/** Number of threads if the batch is split into `splits` parts. */
export function conv2dGradWeightThreads(s: Conv2dShape, { channels }: Conv2dBlock, splits: number): number {
  return splits * (s.outChannels / channels) * (s.inChannels / s.groups) * s.kernel[0];
}

/** The variant `direct` of the weight gradient, or `splits` if the batch is split. */
export function conv2dGradWeightBlocks(s: Conv2dShape, block: Conv2dBlock, splits: number): Variant {
  const { channels, pixels } = block;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const kernelSize = kernelHeight * kernelWidth;
  const channelBlocks = s.outChannels / channels;
  const perSplit = Math.ceil(s.batch / splits);
  const edges = padded(s);
  const whole = outWidth % pixels === 0;
  const loadG = (c: number, p: number) => {
    const value = `f32(g[g_row + ${c * outHeight * outWidth}u + ${whole ? `column + ${p}u` : `min(column + ${p}u, ${outWidth - 1}u)`}])`;
    return `let g_${c}_${p} = ${whole || p === 0 ? value : `select(0.0, ${value}, column + ${p}u < ${outWidth}u)`};`;
  };
  const type = splits > 1 ? 'f32' : s.type;
  const text = wgsl`
${linearMain(conv2dGradWeightThreads(s, block, splits))}
  let ky = index % ${kernelHeight}u;
  let c = (index / ${kernelHeight}u) % ${groupIn}u;
  let first_channel = ((index / ${kernelHeight * groupIn}u) % ${channelBlocks}u) * ${channels}u;
  let split = index / ${kernelHeight * groupIn * channelBlocks}u;
  let in_channel = (first_channel / ${groupOut}u) * ${groupIn}u + c;
  ${pairs(channels, kernelWidth, (o, k) => `var total_${o}_${k} = 0.0;`)}
  for (var item = split * ${perSplit}u; item < min((split + 1u) * ${perSplit}u, ${s.batch}u); item++) {
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
  let at = split * ${s.outChannels * groupIn * kernelSize}u + (first_channel * ${groupIn}u + c) * ${kernelSize}u + ky * ${kernelWidth}u;
  ${pairs(channels, kernelWidth, (o, k) => `store_dw(at + ${o * groupIn * kernelSize + k}u, ${type}(total_${o}_${k}));`)}
}
`;
  const name = splits > 1 ? 'splits' : 'direct';
  const kernel = {
    name: `conv2dGradWeight.${name}`,
    inputs: gradWeightInputs(s),
    workgroups: linearGrid(conv2dGradWeightThreads(s, block, splits), LINEAR_WORKGROUP),
    wgsl: text,
  };
  return addingSplits(name, kernel, stores('dw', type), splits, weightSize(s), s.type);
}
