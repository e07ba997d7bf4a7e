// Depthwise convolution (as many groups as input channels): kernels of its own, since nothing is summed over channels and
// memory bandwidth is the limit.
//
// forward      one thread computes a block of rows × columns of one output channel, whose weights it keeps in registers, and
//              reads each image value under the block once. No barrier. With stride 1 the gradient of the image is the same
//              with flipped weights.
// grad weight  one workgroup sums the weights of one output channel over a part of the batch: threads stride over the pixels,
//              then their totals are added in workgroup memory in a fixed order.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Kernel, Variant } from '../../src/core/kernel.ts';
import { gradWeightInputs } from './conv2d-grad-weight.wgsl.ts';
import { blockGrid, forwardInputs, loadImageColumns, weightSize, type Conv2dShape } from './conv2d.wgsl.ts';
import { stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP } from '../lib/grid.wgsl.ts';
import { addingSplits } from '../lib/splits.wgsl.ts';
import { lines, range } from '../lib/text.ts';

/** Output rows and columns per thread. */
export interface DepthwiseBlock {
  readonly rows: number;
  readonly pixels: number;
}

/** Statements for all positions in the kernel. */
const kernelPlaces = ({ kernel }: Conv2dShape, statement: (ky: number, kx: number) => string) =>
  lines(range(kernel[0]).flatMap((ky) => range(kernel[1]).map((kx) => statement(ky, kx))));

const blocksOf = ({ output }: Conv2dShape, { rows, pixels }: DepthwiseBlock) =>
  [Math.ceil(output[0] / rows), Math.ceil(output[1] / pixels)] as const;

/** Threads in x; y has one workgroup per output channel. */
const threadsOf = (s: Conv2dShape, block: DepthwiseBlock): number =>
  s.batch * blocksOf(s, block)[0] * blocksOf(s, block)[1];

/**
 * The variant `depthwise` of the op `name`. `turned` flips the kernel.
 */
export function depthwise(name: string, s: Conv2dShape, block: DepthwiseBlock, bias: boolean, turned: boolean): Kernel {
  const { rows, pixels } = block;
  const [down, across] = blocksOf(s, block);
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const size = s.kernel[0] * s.kernel[1];
  const weightAt = (ky: number, kx: number) => (turned ? size - 1 : 0) + (turned ? -1 : 1) * (ky * s.kernel[1] + kx);
  const imageRows = new Map<number, [row: number, ky: number][]>();
  for (const r of range(rows)) {
    for (const ky of range(s.kernel[0])) {
      const offset = r * s.stride[0] + ky * s.dilation[0];
      imageRows.set(offset, [...(imageRows.get(offset) ?? []), [r, ky]]);
    }
  }
  const addRow = ([offset, uses]: [number, [row: number, ky: number][]]) => wgsl`{
    let y = top + ${offset}u;
    if (y < ${height}u) {
      let x_row = plane * ${height * width}u + y * ${width}u;
      ${loadImageColumns(s, pixels)}
      ${uses
        .flatMap(([r, ky]) =>
          range(pixels).flatMap((p) =>
            range(s.kernel[1]).map(
              (kx) => `total_${r}_${p} += w_${ky}_${kx} * x_${p * s.stride[1] + kx * s.dilation[1]};`,
            ),
          ),
        )
        .join('\n      ')}
    }
  }`;
  const store = (r: number, p: number) =>
    `if (row + ${r}u < ${outHeight}u && column + ${p}u < ${outWidth}u) { store_y(at + ${r * outWidth + p}u, ${s.type}(total_${r}_${p})); }`;
  const each = (statement: (r: number, p: number) => string) =>
    lines(range(rows).flatMap((r) => range(pixels).map((p) => statement(r, p))));
  const text = wgsl`
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = (group.z * groups.x + group.x) * ${LINEAR_WORKGROUP}u + local;
  if (index >= ${threadsOf(s, block)}u) { return; }
  let channel = group.y;
  let column = index % ${across}u * ${pixels}u;
  let row = index / ${across}u % ${down}u * ${rows}u;
  let item = index / ${across * down}u;
  let plane = item * ${s.inChannels}u + channel / ${s.outChannels / s.inChannels}u;
  ${kernelPlaces(s, (ky, kx) => `let w_${ky}_${kx} = f32(weight[channel * ${size}u + ${weightAt(ky, kx)}u]);`)}
  ${each((r, p) => `var total_${r}_${p} = ${bias ? 'f32(bias[channel])' : '0.0'};`)}
  let top = row * ${s.stride[0]}u - ${s.padding[0]}u;
  let left = column * ${s.stride[1]}u - ${s.padding[1]}u;
  ${lines([...imageRows].map(addRow))}
  let at = ((item * ${s.outChannels}u + channel) * ${outHeight}u + row) * ${outWidth}u + column;
  ${each(store)}
}
`;
  return {
    name: `${name}.depthwise`,
    inputs: forwardInputs(s, bias),
    outputs: [stores('y', s.type)],
    workgroups: blockGrid(Math.ceil(threadsOf(s, block) / LINEAR_WORKGROUP), s.outChannels),
    wgsl: text,
  };
}

/** Workgroup memory of the weight gradient, in bytes. */
export const depthwiseGradWeightBytes = ({ kernel }: Conv2dShape): number =>
  4 * kernel[0] * kernel[1] * (LINEAR_WORKGROUP + 1);

/**
 * The variant `depthwise` of the weight gradient: output channels in x, parts of the batch in y. Reads `pixels` columns at a time.
 */
export function depthwiseGradWeight(s: Conv2dShape, pixels: number, splits: number): Variant {
  const [height, width] = s.image;
  const [outHeight, outWidth] = s.output;
  const size = s.kernel[0] * s.kernel[1];
  const across = Math.ceil(outWidth / pixels);
  const perSplit = Math.ceil(s.batch / splits);
  const type = splits > 1 ? 'f32' : s.type;
  const pitch = LINEAR_WORKGROUP + 1; // padded, so that the threads that add totals read different banks
  const text = wgsl`
var<workgroup> totals: array<f32, ${size * pitch}>;

@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let channel = group.x;
  ${kernelPlaces(s, (ky, kx) => `var total_${ky}_${kx} = 0.0;`)}
  let first = group.y * ${perSplit * outHeight * across}u;
  let end = min(first + ${perSplit * outHeight * across}u, ${s.batch * outHeight * across}u);
  for (var index = first + local; index < end; index += ${LINEAR_WORKGROUP}u) {
    let column = index % ${across}u * ${pixels}u;
    let row = index / ${across}u % ${outHeight}u;
    let item = index / ${across * outHeight}u;
    let plane = item * ${s.inChannels}u + channel / ${s.outChannels / s.inChannels}u;
    let g_row = ((item * ${s.outChannels}u + channel) * ${outHeight}u + row) * ${outWidth}u;
    ${lines(range(pixels).map((p) => `let g_${p} = select(0.0, f32(g[g_row + min(column + ${p}u, ${outWidth - 1}u)]), column + ${p}u < ${outWidth}u);`))}
    let left = column * ${s.stride[1]}u - ${s.padding[1]}u;
    ${lines(
      range(s.kernel[0]).map(
        (ky) => wgsl`{
      let y = row * ${s.stride[0]}u + ${ky * s.dilation[0]}u - ${s.padding[0]}u;
      if (y < ${height}u) {
        let x_row = (plane * ${height}u + y) * ${width}u;
        ${loadImageColumns(s, pixels)}
        ${range(s.kernel[1])
          .map(
            (kx) =>
              `total_${ky}_${kx} += ${range(pixels)
                .map((p) => `g_${p} * x_${p * s.stride[1] + kx * s.dilation[1]}`)
                .join(' + ')};`,
          )
          .join('\n        ')}
      }
    }`,
      ),
    )}
  }
  ${kernelPlaces(s, (ky, kx) => `totals[${(ky * s.kernel[1] + kx) * pitch}u + local] = total_${ky}_${kx};`)}
  workgroupBarrier();
  for (var place = local; place < ${size}u; place += ${LINEAR_WORKGROUP}u) {
    var total = 0.0;
    for (var i = 0u; i < ${LINEAR_WORKGROUP}u; i++) { total += totals[place * ${pitch}u + i]; }
    store_dw((group.y * ${s.outChannels}u + channel) * ${size}u + place, ${type}(total));
  }
}
`;
  const kernel = {
    name: 'conv2dGradWeight.depthwise',
    inputs: gradWeightInputs(s),
    workgroups: [s.outChannels, splits, 1] as const,
    wgsl: text,
  };
  return addingSplits('depthwise', kernel, stores('dw', type), splits, weightSize(s), s.type);
}
