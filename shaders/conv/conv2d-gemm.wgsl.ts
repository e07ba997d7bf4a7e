// 2-D convolution and its gradients as implicit matrix products: operands are gathered while they are loaded.
//
//              c[m, n]                       sum over k                                 a           b
// forward      output channel, output pixel  input channel and position in the kernel   weight      image
// grad input   input channel, image pixel    output channel and position in the kernel  weight      gradient
// grad weight  output channel, weight        output pixel of any item                   gradient    image
//
// A workgroup of 16 × 8 threads computes 32 or 64 rows (m) × 64 columns (n) from strips of 16 along k in workgroup memory; a
// thread keeps 4 or 8 rows × 4 columns in registers. A thread's columns are 16 apart, its rows 8 or 16, so that neighbouring
// threads access neighbouring pixels, and whole vectors are written to workgroup memory, never a component of another thread's.
// If there are few tiles, k is split into parts, whose partial sums a second kernel adds in a fixed order.
// With stride s, only every s-th position in the kernel reaches a given image pixel: grad input groups pixels by remainder
// (phases), so that no products with gaps are computed.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Variant } from '../../src/core/kernel.ts';
import { gradWeightInputs } from './conv2d-grad-weight.wgsl.ts';
import {
  forwardInputs, gradInputInputs, imageSize, outputSize, weightSize, type Conv2dShape,
} from './conv2d.wgsl.ts'; // prettier-ignore
import { stores } from '../lib/bindings.ts';
import { addingSplits } from '../lib/splits.wgsl.ts';
import { lines, range } from '../lib/text.ts';

const COLUMNS = 64;
const DEPTH = 16;

/** One convolution or gradient as a matrix product. */
export interface Conv2dGemm {
  readonly op: 'conv2d' | 'conv2dGradInput' | 'conv2dGradWeight';
  readonly inputs: readonly Binding[];
  readonly bias: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Number of independent products of this size: groups, and phases of grad input. */
  readonly parts: number;
  /** WGSL of place_k, place_n, row_offset, load_b, and output_offset: `c[m, n]` is at output_offset(n) + m * rowStride. */
  readonly text: string;
  readonly rowStride: number;
  /** The buffer of a and its size, and the buffer of c. */
  readonly a: string;
  readonly aSize: number;
  readonly output: string;
  readonly outputSize: number;
  /** True if neighbouring threads load along k, because both operands are contiguous along it. */
  readonly alongK: boolean;
  /** Element type of a, b and c. */
  readonly type: 'f32' | 'f16';
}

const last = (size: number) => `${Math.max(size, 1) - 1}u`;

/** A value of the image, or 0 out of bounds: the offsets of output pixel and kernel position add up to its row and column. */
const loadImage = (s: Conv2dShape) => wgsl`
fn load_b(k: vec4<u32>, n: vec4<u32>) -> f32 {
  let row = k.y + n.y;
  let column = k.z + n.z;
  let at = k.x + n.x + row * ${s.image[1]}u + column;
  let inside = row < ${s.image[0]}u && column < ${s.image[1]}u;
  return select(0.0, f32(x[min(at, ${last(s.batch * s.inChannels * s.image[0] * s.image[1])})]), inside);
}`;

// Positions out of bounds are 0x80000000 rows away for k, 0x40000000 for n, so that their sums and differences are also out of
// bounds; w, the offset in a, is 0xffffffff for such a k. Left of and above the image, unsigned differences wrap out of bounds.

/** Declares an output pixel's item, its index, and the top left of its window. */
const outputPixel = (s: Conv2dShape, index: string) => wgsl`
  let pixel = ${index} % ${s.output[0] * s.output[1]}u;
  let item = ${index} / ${s.output[0] * s.output[1]}u;
  let top = pixel / ${s.output[1]}u * ${s.stride[0]}u - ${s.padding[0]}u;
  let left = pixel % ${s.output[1]}u * ${s.stride[1]}u - ${s.padding[1]}u;`;

/** Declares channel, row and column of a weight, by its index in [channels, KH, KW]. */
const kernelPlace = (s: Conv2dShape, index: string) => wgsl`
  let channel = ${index} / ${s.kernel[0] * s.kernel[1]}u;
  let ky = ${index} % ${s.kernel[0] * s.kernel[1]}u / ${s.kernel[1]}u;
  let kx = ${index} % ${s.kernel[1]}u;`;

const groupsOf = (s: Conv2dShape) => ({
  groupIn: s.inChannels / s.groups,
  groupOut: s.outChannels / s.groups,
  kernelSize: s.kernel[0] * s.kernel[1],
  imagePlane: s.image[0] * s.image[1],
  outputPlane: s.output[0] * s.output[1],
});

/** From x, weight and, with `bias`, bias. */
export function conv2dGemm(s: Conv2dShape, bias: boolean): Conv2dGemm {
  const { groupIn, groupOut, kernelSize, imagePlane, outputPlane } = groupsOf(s);
  const [m, n, k] = [groupOut, s.batch * outputPlane, groupIn * kernelSize];
  const text = wgsl`
fn row_offset(m: u32, part: u32) -> u32 { return (part * ${m}u + m) * ${k}u; }
fn place_k(k: u32, part: u32) -> vec4<u32> {
  ${kernelPlace(s, 'k')}
  let place = vec4<u32>(channel * ${imagePlane}u, ky * ${s.dilation[0]}u, kx * ${s.dilation[1]}u, k);
  return select(vec4<u32>(0u, 0x80000000u, 0u, 0xffffffffu), place, k < ${k}u);
}
fn place_n(n: u32, part: u32) -> vec4<u32> {
  ${outputPixel(s, 'n')}
  let image = (item * ${s.inChannels}u + part * ${groupIn}u) * ${imagePlane}u;
  return vec4<u32>(image, select(0x40000000u, top, n < ${n}u), left, 0u);
}
${loadImage(s)}
fn output_offset(n: u32, part: u32) -> u32 {
  let at = (n / ${outputPlane}u * ${s.outChannels}u + part * ${m}u) * ${outputPlane}u + n % ${outputPlane}u;
  return select(0xffffffffu, at, n < ${n}u);
}`;
  return {
    op: 'conv2d', inputs: forwardInputs(s, bias), bias, m, n, k, parts: s.groups, text, rowStride: outputPlane,
    a: 'weight', aSize: s.outChannels * k, output: 'y', outputSize: outputSize(s), alongK: false, type: s.type,
  }; // prettier-ignore
}

/** Null if an axis has both stride and dilation: then the kernel positions that reach an image pixel have no simple order. */
export function conv2dGradInputGemm(s: Conv2dShape): Conv2dGemm | null {
  const { groupIn, groupOut, kernelSize, imagePlane, outputPlane } = groupsOf(s);
  if ([0, 1].some((axis) => s.stride[axis] > 1 && s.dilation[axis] > 1)) return null;
  const each = (size: (axis: 0 | 1) => number) => [size(0), size(1)] as const;
  const phase = each((axis) => Math.ceil(s.image[axis] / s.stride[axis])); // pixels of one phase
  const taps = each((axis) => Math.ceil(s.kernel[axis] / s.stride[axis])); // kernel positions that reach one pixel
  const phases = s.stride[0] * s.stride[1];
  const [m, n, k] = [groupIn, s.batch * phase[0] * phase[1], groupOut * taps[0] * taps[1]];
  const text = wgsl`
// The remainder of the pixels of a part, in rows and columns.
fn remainder(part: u32) -> vec2<u32> {
  return vec2<u32>(part % ${phases}u / ${s.stride[1]}u, part % ${s.stride[1]}u);
}
fn row_offset(m: u32, part: u32) -> u32 {
  return (part / ${phases}u * ${groupOut * groupIn}u + m) * ${kernelSize}u;
}
fn place_k(k: u32, part: u32) -> vec4<u32> {
  let rest = remainder(part);
  let channel = k / ${taps[0] * taps[1]}u;
  let row = k % ${taps[0] * taps[1]}u / ${taps[1]}u;
  let column = k % ${taps[1]}u;
  let ky = (rest.x + ${s.padding[0]}u) % ${s.stride[0]}u + row * ${s.stride[0]}u;
  let kx = (rest.y + ${s.padding[1]}u) % ${s.stride[1]}u + column * ${s.stride[1]}u;
  let weight_at = channel * ${groupIn * kernelSize}u + ky * ${s.kernel[1]}u + kx;
  let place = vec4<u32>(channel * ${outputPlane}u, row * ${s.dilation[0]}u, column * ${s.dilation[1]}u, weight_at);
  let inside = k < ${k}u && ky < ${s.kernel[0]}u && kx < ${s.kernel[1]}u;
  return select(vec4<u32>(0u, 0x80000000u, 0u, 0xffffffffu), place, inside);
}
fn place_n(n: u32, part: u32) -> vec4<u32> {
  let rest = remainder(part);
  let gradient = (n / ${phase[0] * phase[1]}u * ${s.outChannels}u + part / ${phases}u * ${groupOut}u) * ${outputPlane}u;
  let bottom = n / ${phase[1]}u % ${phase[0]}u + (rest.x + ${s.padding[0]}u) / ${s.stride[0]}u;
  let right = n % ${phase[1]}u + (rest.y + ${s.padding[1]}u) / ${s.stride[1]}u;
  return vec4<u32>(gradient, select(0x40000000u, bottom, n < ${n}u), right, 0u);
}
fn load_b(k: vec4<u32>, n: vec4<u32>) -> f32 {
  let row = n.y - k.y;
  let column = n.z - k.z;
  let at = k.x + n.x + row * ${s.output[1]}u + column;
  let inside = row < ${s.output[0]}u && column < ${s.output[1]}u;
  return select(0.0, f32(g[min(at, ${last(s.batch * s.outChannels * outputPlane)})]), inside);
}
fn output_offset(n: u32, part: u32) -> u32 {
  let place = remainder(part) + vec2<u32>(${s.stride[0]}u, ${s.stride[1]}u) * vec2<u32>(n / ${phase[1]}u % ${phase[0]}u, n % ${phase[1]}u);
  let plane = n / ${phase[0] * phase[1]}u * ${s.inChannels}u + part / ${phases}u * ${groupIn}u;
  let at = plane * ${imagePlane}u + place.x * ${s.image[1]}u + place.y;
  return select(0xffffffffu, at, n < ${n}u && place.x < ${s.image[0]}u && place.y < ${s.image[1]}u);
}`;
  const aSize = s.outChannels * groupIn * kernelSize;
  const parts = s.groups * phases;
  return {
    op: 'conv2dGradInput', inputs: gradInputInputs(s), bias: false, m, n, k, parts, text, rowStride: imagePlane,
    a: 'weight', aSize, output: 'dx', outputSize: imageSize(s), alongK: false, type: s.type,
  }; // prettier-ignore
}

export function conv2dGradWeightGemm(s: Conv2dShape): Conv2dGemm {
  const { groupIn, groupOut, kernelSize, imagePlane, outputPlane } = groupsOf(s);
  const [m, n, k] = [groupOut, groupIn * kernelSize, s.batch * outputPlane];
  const text = wgsl`
fn row_offset(m: u32, part: u32) -> u32 { return (part * ${m}u + m) * ${outputPlane}u; }
fn place_k(k: u32, part: u32) -> vec4<u32> {
  ${outputPixel(s, 'k')}
  let place = vec4<u32>(item * ${s.inChannels * imagePlane}u, top, left, item * ${s.outChannels * outputPlane}u + pixel);
  return select(vec4<u32>(0u, 0x80000000u, 0u, 0xffffffffu), place, k < ${k}u);
}
fn place_n(n: u32, part: u32) -> vec4<u32> {
  ${kernelPlace(s, 'n')}
  return vec4<u32>((part * ${groupIn}u + channel) * ${imagePlane}u, ky * ${s.dilation[0]}u, kx * ${s.dilation[1]}u, 0u);
}
${loadImage(s)}
fn output_offset(n: u32, part: u32) -> u32 { return select(0xffffffffu, part * ${m * n}u + n, n < ${n}u); }`;
  const aSize = s.batch * s.outChannels * outputPlane;
  return {
    op: 'conv2dGradWeight', inputs: gradWeightInputs(s), bias: false, m, n, k, parts: s.groups, text, rowStride: n,
    a: 'g', aSize, output: 'dw', outputSize: weightSize(s), alongK: true, type: s.type,
  }; // prettier-ignore
}

/** Rows of a tile. */
const tileRows = ({ m }: Conv2dGemm) => (m > 32 ? 64 : 32);

/** Tiles along n, and along m over all parts. */
export const conv2dGemmTiles = (gemm: Conv2dGemm): [number, number] => [
  Math.ceil(gemm.n / COLUMNS),
  Math.ceil(gemm.m / tileRows(gemm)) * gemm.parts,
];

/** Depth of each of about `splits` parts of k. */
export const conv2dGemmDepth = ({ k }: Conv2dGemm, splits: number): number =>
  Math.max(1, Math.ceil(k / splits / DEPTH)) * DEPTH;

/**
 * The variant `gemm`: tiles along n in x (folded into z), those along m in y, then splits, then parts. With several splits, each
 * writes a partial result of `outputSize` elements.
 */
export function conv2dGemmTiled(gemm: Conv2dGemm, splits: number): Variant {
  const { m, k, text, rowStride, a, aSize, output, alongK } = gemm;
  const type = splits > 1 ? 'f32' : gemm.type;
  const [columnTiles, rowTiles] = [conv2dGemmTiles(gemm)[0], Math.ceil(m / tileRows(gemm))];
  const depth = conv2dGemmDepth(gemm, splits);
  const quads = tileRows(gemm) / 4; // vec4s of rows that are `quads` apart
  const own = range(quads / 8); // those of a thread
  // Rows are padded by one vector, so that neighbouring threads write to different banks.
  const [aRow, bRow] = [quads + 1, COLUMNS / 4 + 1];
  const components = range(4).map((j) => 'xyzw'[j]);
  const four = (value: (j: number) => string) => `vec4<f32>(${range(4).map(value).join(', ')})`;
  const columnPlace = (j: number, first: string) => `place_n(first_n + ${first} + ${16 * j}u, part)`;
  const whole = wgsl`
${text}
fn load_a(offset: u32, k: vec4<u32>) -> f32 {
  return select(0.0, f32(${a}[min(offset + k.w, ${last(aSize)})]), k.w != 0xffffffffu);
}
var<workgroup> a_tile: array<vec4<f32>, ${DEPTH * aRow}>;
var<workgroup> b_tile: array<vec4<f32>, ${DEPTH * bRow}>;

@compute @workgroup_size(16, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let tile = group.z * groups.x + group.x;
  if (tile >= ${columnTiles}u) { return; }
  let first_n = tile * ${COLUMNS}u;
  let first_m = group.y % ${rowTiles}u * ${4 * quads}u;
  let split = group.y / ${rowTiles}u % ${splits}u;
  let part = group.y / ${rowTiles * splits}u;
  // Each thread loads, of a, one position along k of ${own.length} × 4 rows; of b, 2 × 4 columns${alongK ? '' : ' at two positions along k'}.
  ${lines(own.flatMap((i) => range(4).map((j) => `let row_${i}_${j} = row_offset(min(first_m + local.y + ${8 * i + quads * j}u, ${last(m)}), part);`)))}
  ${lines(
    alongK
      ? range(2).flatMap((i) => range(4).map((j) => `let column_${i}_${j} = ${columnPlace(j, `local.y + ${8 * i}u`)};`))
      : range(4).map((j) => `let column_${j} = ${columnPlace(j, 'local.x')};`),
  )}
  ${lines(own.flatMap((i) => range(4).map((j) => `var total_${i}_${j} = vec4<f32>(0.0);`)))}
  for (var k = split * ${depth}u; k < min((split + 1u) * ${depth}u, ${k}u); k += ${DEPTH}u) {
    let along = place_k(k + local.x, part);
    ${lines(own.map((i) => `let a_${i} = ${four((j) => `load_a(row_${i}_${j}, along)`)};`))}
    ${lines(
      range(2).map((i) =>
        alongK
          ? `let b_${i} = ${four((j) => `load_b(along, column_${i}_${j})`)};`
          : `let deep_${i} = place_k(k + local.y + ${8 * i}u, part); let b_${i} = ${four((j) => `load_b(deep_${i}, column_${j})`)};`,
      ),
    )}
    workgroupBarrier();
    ${lines(own.map((i) => `a_tile[local.x * ${aRow}u + local.y + ${8 * i}u] = a_${i};`))}
    ${lines(
      range(2).map((i) =>
        alongK
          ? `b_tile[local.x * ${bRow}u + local.y + ${8 * i}u] = b_${i};`
          : `b_tile[(local.y + ${8 * i}u) * ${bRow}u + local.x] = b_${i};`,
      ),
    )}
    workgroupBarrier();
    for (var d = 0u; d < ${DEPTH}u; d++) {
      let b = b_tile[d * ${bRow}u + local.x];
      ${lines(own.map((i) => `let a_${i} = a_tile[d * ${aRow}u + local.y + ${8 * i}u];`))}
      ${lines(own.flatMap((i) => components.map((c, j) => `total_${i}_${j} += a_${i}.${c} * b;`)))}
    }
  }
  ${range(4)
    .map(
      (j) => wgsl`{
    let at = output_offset(first_n + local.x + ${16 * j}u, part);
    ${lines(
      own.flatMap((i) =>
        range(4).map(
          (r) =>
            `store_one(at, first_m + local.y + ${8 * i + quads * r}u, part, split, total_${i}_${r}.${components[j]});`,
        ),
      ),
    )}
  }`,
    )
    .join('\n  ')}
}

fn store_one(at: u32, m: u32, part: u32, split: u32, total: f32) {
  if (at == 0xffffffffu || m >= ${m}u) { return; }
  store_${output}(split * ${gemm.outputSize}u + at + m * ${rowStride}u, ${type}(total${gemm.bias ? ` + select(0.0, f32(bias[part * ${m}u + m]), split == 0u)` : ''}));
}
`;
  const [columns, rows] = conv2dGemmTiles(gemm);
  const [x, folds] = linearGrid(columns, 1);
  const workgroups = [x, rows * splits, folds] as const;
  const kernel = { name: `${gemm.op}.gemm`, inputs: gemm.inputs, workgroups, wgsl: whole };
  return addingSplits('gemm', kernel, stores(output, type), splits, gemm.outputSize, gemm.type);
}
