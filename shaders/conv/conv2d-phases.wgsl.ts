// The input gradient of a strided convolution (and so transposed convolution), direct, in phases.
//
// Image columns with the same remainder of their padded position modulo the stride (a phase) are reached by the same kernel
// columns, one in `stride`. A thread computes neighbours within one phase, for which this is a convolution with stride 1 and
// that part of the kernel, so that nothing is multiplied by the zeros between outputs.
//
// Thread map: one thread computes `channels` input channels of `pixels` columns of one phase, in registers; all threads of a
// workgroup have the same channels. No barriers or workgroup memory. Only without dilation.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Kernel } from '../../src/core/kernel.ts';
import {
  blockGrid, counters, gradInputInputs, pairs, storeBlock, type Conv2dBlock, type Conv2dShape,
} from './conv2d.wgsl.ts'; // prettier-ignore
import { stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, once } from '../lib/grid.wgsl.ts';
import { range } from '../lib/text.ts';

/** Rows and columns of the largest phase. */
const phaseSize = ({ image, stride }: Conv2dShape) => [0, 1].map((axis) => Math.ceil(image[axis] / stride[axis]));

/** Threads in x; y has one workgroup per block of channels. */
function threadsOf(s: Conv2dShape, { pixels }: Conv2dBlock): number {
  const [rows, columns] = phaseSize(s);
  return s.batch * s.stride[0] * s.stride[1] * rows * Math.ceil(columns / pixels);
}

/** The variant `phases` of the input gradient. */
export function conv2dPhases(s: Conv2dShape, block: Conv2dBlock): Kernel {
  const { channels, pixels } = block;
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const [kernelHeight, kernelWidth] = s.kernel;
  const [strideY, strideX] = s.stride;
  const [rows, columns] = phaseSize(s);
  const blocks = Math.ceil(columns / pixels);
  const groupIn = s.inChannels / s.groups;
  const groupOut = s.outChannels / s.groups;
  const kernelSize = kernelHeight * kernelWidth;
  // Most kernel rows and columns of a phase; the last may be past the kernel's edge.
  const [tapsY, tapsX] = [Math.ceil(kernelHeight / strideY), Math.ceil(kernelWidth / strideX)];
  const load = (p: number) => {
    const column = `out_column + ${p}u - kx`; // wraps before the first
    return `let c_${p} = ${column}; let g_${p} = select(0.0, f32(g[g_row + min(c_${p}, ${outWidth - 1}u)]), inside & (c_${p} < ${outWidth}u));`;
  };
  const text = wgsl`
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = (group.z * groups.x + group.x) * ${LINEAR_WORKGROUP}u + local;
  if (index >= ${threadsOf(s, block)}u) { return; }
  ${once}
  let first_channel = group.y * ${channels}u;
  let step = (index % ${blocks}u) * ${pixels}u;
  let rest_x = (index / ${blocks}u) % ${strideX}u;
  let step_y = (index / ${blocks * strideX}u) % ${rows}u;
  let rest_y = (index / ${blocks * strideX * rows}u) % ${strideY}u;
  let item = index / ${blocks * strideX * rows * strideY}u;
  let row = rest_y + step_y * ${strideY}u;
  let first_column = rest_x + step * ${strideX}u;
  if (row >= ${height}u || first_column >= ${width}u) { return; }
  let out_channel = (first_channel / ${groupIn}u) * ${groupOut}u;
  let first_ky = (rest_y + ${s.padding[0]}u) % ${strideY}u;
  let first_kx = (rest_x + ${s.padding[1]}u) % ${strideX}u;
  let out_column = (first_column + ${s.padding[1]}u) / ${strideX}u;
  ${pairs(channels, pixels, (c, p) => `var total_${c}_${p} = 0.0;`)}
  ${counters(tapsY, tapsX).start}
  for (var k = 0u; k < ${groupOut * tapsY * tapsX}u * once; k++) {
    let o = out_channel + channel;
    let y = first_ky + ky * ${strideY}u;
    let x = first_kx + kx * ${strideX}u;
    // Before the first output the difference wraps to a large number, which is also out of bounds.
    let out_row = (row + ${s.padding[0]}u) / ${strideY}u - ky;
    let inside = y < ${kernelHeight}u && x < ${kernelWidth}u && out_row < ${outHeight}u;
    let g_row = ((item * ${s.outChannels}u + o) * ${outHeight}u + min(out_row, ${outHeight - 1}u)) * ${outWidth}u;
    let at_weight = (o * ${groupIn}u + first_channel % ${groupIn}u) * ${kernelSize}u + min(y, ${kernelHeight - 1}u) * ${kernelWidth}u + min(x, ${kernelWidth - 1}u);
    ${range(pixels).map(load).join('\n    ')}
    ${range(channels)
      .map((c) => `let w_${c} = f32(weight[at_weight + ${c * kernelSize}u]);`)
      .join('\n    ')}
    ${pairs(channels, pixels, (c, p) => `total_${c}_${p} += w_${c} * g_${p};`)}
    ${counters(tapsY, tapsX).next}
  }
  let at = ((item * ${s.inChannels}u + first_channel) * ${height}u + row) * ${width}u + first_column;
  ${storeBlock('dx', s.type, block, height * width, width, strideX)}
}
`;
  return {
    name: 'conv2dGradInput.phases',
    inputs: gradInputInputs(s),
    outputs: [stores('dx', s.type)],
    workgroups: blockGrid(Math.ceil(threadsOf(s, block) / LINEAR_WORKGROUP), s.inChannels / channels),
    wgsl: text,
  };
}
