// c = a · b on a GPU's matrix units: subgroups multiply small matrices with one instruction and accumulate in f32.
//
// A workgroup computes a tile of c, each of its subgroups a part of it, in registers. Strips of a and b along the sum go through
// workgroup memory, zero past the edges, in the layout in which they are stored: matrices can be loaded in either order, so all
// four combinations of transposition run alike. The next strip is loaded while this one is multiplied. Results go through the
// same memory, a band of each part at a time, so that they are written by store_c as in any other kernel.
//
//        tile  parts of subgroups  flops per byte of global memory (f32; f16 twice)  of workgroup memory
//     64 × 64        4 of 32 × 32                                                16                    8
//   128 × 128        8 of 64 × 32                                                32                 10.7
//
// Workgroup memory: a strip is 64 bytes deep, so 4 KiB (8 KiB) per operand; 32 bytes for the large tile if the device has only
// 16 KiB. Rows are padded by 16 bytes, so that eight of them fall into different banks. In total at most 10 KiB (20 or 12 KiB).
//
// Predicted: units with 8 times the arithmetic of the other lanes are bound by memory with the small tile (2 · 16 flops per
// byte), which is for products of few tiles. With the 128 × 128 tile a thread holds 64 f32 of c, and 16 bytes of each operand in
// flight.
//
// Uses Dawn's experimental feature chromium-experimental-subgroup-matrix, as described in
// https://github.com/gpuweb/gpuweb/blob/main/proposals/subgroup-matrix.md: strides and offsets count elements of the array, here
// four components each.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Variant } from '../../src/core/kernel.ts';
import { lines, range } from '../lib/text.ts';
import {
  batchesOf, loadFunctions, matmulKernel, place, splitDepth, splitVariant, storeFour, tilesOf, vectorsOf, type MatmulShape,
} from './matmul.wgsl.ts'; // prettier-ignore

/** The product of one instruction: M × K times K × N, of `component`; results are f32. */
export interface MatrixUnit {
  readonly component: 'f32' | 'f16';
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

export interface MatmulUnits {
  /** Rows and columns of a tile. */
  readonly size: 64 | 128;
  /** Depth of a strip in bytes: what is multiplied between two barriers. */
  readonly depthBytes: 32 | 64;
  /** Parts of the sum, each with partial results of its own. */
  readonly splits: number;
  readonly unit: MatrixUnit;
  /** Threads in the device's largest subgroup. */
  readonly lanes: number;
}

/** Bytes by which rows in workgroup memory are padded. */
const PADDING = 16;
/** Columns of a subgroup's part; it has half of the tile's rows. */
const COLUMNS = 32;

/** Depth of a strip in values. */
export const unitsDepth = ({ depthBytes, unit }: Pick<MatmulUnits, 'depthBytes' | 'unit'>): number =>
  depthBytes / (unit.component === 'f16' ? 2 : 4);

/** The layout of workgroup memory, whose elements are four components. */
function layout({ transposeA, transposeB }: Pick<MatmulShape, 'transposeA' | 'transposeB'>, units: MatmulUnits) {
  const { size, unit, lanes } = units;
  const wordBytes = unit.component === 'f16' ? 8 : 16;
  const [depth, rows] = [unitsDepth(units), size / 2];
  const parts = 2 * (size / COLUMNS);
  /** An operand is contiguous along the sum or along c, both in global and in workgroup memory. */
  const operand = (alongSum: boolean) => {
    const words = (alongSum ? depth : size) / 4;
    const stride = words + PADDING / wordBytes;
    return { alongSum, words, stride, total: (alongSum ? size : depth) * stride };
  };
  const [a, b] = [operand(!transposeA), operand(transposeB)];
  // A strip of results is as wide as fits into about the operands' memory; its rows are padded too.
  const stripBytes = (columns: number) => parts * unit.M * (4 * columns + PADDING);
  const stripColumns =
    [COLUMNS, 16].find((columns) => stripBytes(columns) <= 2 * size * units.depthBytes + 4096) ?? unit.N;
  const bytes = Math.max((a.total + b.total) * wordBytes, stripBytes(stripColumns));
  const threads = parts * lanes;
  const perThread = (size * units.depthBytes) / wordBytes / threads; // words of each operand
  return { depth, rows, parts, a, b, stripColumns, bytes, threads, wordBytes, perThread };
}

/** Whether a device with workgroups of `maxThreads` threads and `maxBytes` of memory can run such tiles. */
export function unitsFit(s: MatmulShape, units: MatmulUnits, maxThreads: number, maxBytes: number): boolean {
  const { M, N, K } = units.unit;
  const { depth, rows, stripColumns, bytes, threads, perThread } = layout(s, units);
  const divided = rows % M === 0 && COLUMNS % N === 0 && stripColumns % N === 0 && depth % K === 0;
  const aligned = [M, N, K].every((length) => length % 8 === 0);
  return divided && aligned && Number.isInteger(perThread) && threads <= maxThreads && bytes <= maxBytes;
}

type Operand = ReturnType<typeof layout>['a'];

/** Fetches four neighbours of strip `k` for workgroup memory: thread by thread along the stored rows. */
const fetchFunction = (name: string, { alongSum, words }: Operand) => wgsl`
fn fetch_${name}(base: u32, first: u32, k: u32, at: u32) -> Word {
  let across = at / ${words}u;
  let along = at % ${words}u * 4u;
#if ${alongSum}
  return bitcast<Word>(load_${name}(base, first + across, k + along));
#else
  return bitcast<Word>(load_${name}(base, k + across, first + along));
#endif
}
`;

/** Offset of the matrix at depth `d`, `first` + `further` rows or columns into the tile; `further` is a constant. */
const matrixAt = ({ alongSum, stride }: Operand, first: string, further: number) =>
  alongSum
    ? `${first} * ${stride}u + (d >> 2u) + ${further * stride}u`
    : `d * ${stride}u + (${first} >> 2u) + ${further / 4}u`;

/** The variants on matrix units: `units`, `units128`, and `unitsSplit` if the sum is split. */
export function matmulUnits(s: MatmulShape, units: MatmulUnits): Variant {
  const { size, splits, unit } = units;
  const { component, M, N, K } = unit;
  const { depth, rows, parts, a, b, stripColumns, bytes, threads, wordBytes, perThread } = layout(s, units);
  const ofSplit = splitDepth(s, splits, depth);
  const stripWords = (stripColumns + PADDING / 4) / 4; // stride between rows of a strip, in vec4s
  const wordsOfFour = 16 / wordBytes; // words per vec4 of floats
  const [ofRows, ofColumns] = [range(rows / M), range(COLUMNS / N)];
  const each = (statement: (row: number, column: number) => string) =>
    lines(ofRows.flatMap((r) => ofColumns.map((c) => statement(r, c))));
  const operands = [
    { name: 'a', first: 'first_row', from: 0, ...a },
    { name: 'b', first: 'first_column', from: a.total, ...b },
  ];
  const forOperands = (statement: (operand: (typeof operands)[number], i: number) => string) =>
    lines(operands.flatMap((operand) => range(perThread).map((i) => statement(operand, i))));
  const fetch =
    (k: string) =>
    ({ name, first }: { name: string; first: string }, i: number) =>
      `next_${name}_${i} = fetch_${name}(base_${name}, ${first}, ${k}, thread + ${i * threads}u);`;
  const keep = ({ name, words, stride }: (typeof operands)[number], i: number) =>
    `tile[to_${name} + ${(i * threads * stride) / words}u] = next_${name}_${i};`;
  const load = (type: 'Left' | 'Right', order: string, at: string, stride: number) =>
    `subgroupMatrixLoad<${type}, ${order}>(&tile, ${at}, ${stride}u)`;
  const left = (r: number) =>
    `let left_${r} = ${load('Left', a.alongSum ? 'row_major' : 'col_major', matrixAt(a, 'part_row', r * M), a.stride)};`;
  const right = (c: number) =>
    `let right_${c} = ${load('Right', b.alongSum ? 'col_major' : 'row_major', `${a.total}u + ${matrixAt(b, 'part_column', c * N)}`, b.stride)};`;
  /** Stores the strip of matrices in row `r` from matrix `c` on. */
  const strip = (r: number, c: number) => `
  if (busy) {
    ${lines(
      range(stripColumns / N).map(
        (i) =>
          `subgroupMatrixStore<row_major>(&tile, (part * ${M * stripWords}u + ${(i * N) / 4}u) * ${wordsOfFour}u, total_${r}_${c + i}, ${stripWords * wordsOfFour}u);`,
      ),
    )}
  }
  workgroupBarrier();
  store_strips(result, first_row + ${r * M}u, first_column + ${c * N}u, thread);
  workgroupBarrier();`;
  const strips = ofRows.flatMap((r) => ofColumns.filter((c) => (c * N) % stripColumns === 0).map((c) => strip(r, c)));
  const text = wgsl`
${loadFunctions(s, component)}
${storeFour(s, splits > 1 ? 'f32' : s.type)}
alias Word = ${component === 'f16' ? 'vec2<u32>' : 'vec4<u32>'};
alias Left = subgroup_matrix_left<${component}, ${K}, ${M}>;
alias Right = subgroup_matrix_right<${component}, ${N}, ${K}>;
alias Result = subgroup_matrix_result<f32, ${N}, ${M}>;
// A strip of a and one of b; at the end, results.
var<workgroup> tile: array<Word, ${Math.ceil(bytes / wordBytes)}>;
${fetchFunction('a', a)}
${fetchFunction('b', b)}
fn part_row_of(part: u32) -> u32 { return part / ${size / COLUMNS}u * ${rows}u; }
fn part_column_of(part: u32) -> u32 { return part % ${size / COLUMNS}u * ${COLUMNS}u; }

// Writes the strips that all subgroups have left in workgroup memory.
fn store_strips(result: u32, first_row: u32, first_column: u32, thread: u32) {
  for (var i = thread; i < ${(parts * M * stripColumns) / 4}u; i += ${threads}u) {
    let row = i / ${stripColumns / 4}u; // of all strips
    let quad = i % ${stripColumns / 4}u;
    let part = row / ${M}u;
    let at = row * ${stripWords}u + quad;
#if ${wordBytes === 8}
    let value = vec4<f32>(bitcast<vec2<f32>>(tile[2u * at]), bitcast<vec2<f32>>(tile[2u * at + 1u]));
#else
    let value = bitcast<vec4<f32>>(tile[at]);
#endif
    store_four(result, first_row + part_row_of(part) + row % ${M}u, first_column + part_column_of(part) + quad * 4u, value);
  }
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) part: u32) {
  ${place(s, size, size, splits)}
  // A device may form smaller subgroups than its largest. Surplus ones only move data.
  let busy = part < ${parts}u;
  let part_row = part_row_of(part);
  let part_column = part_column_of(part);
  ${lines(
    operands.map(
      ({ name, from, words, stride }) =>
        `let to_${name} = ${from}u + thread / ${words}u * ${stride}u + thread % ${words}u;`,
    ),
  )}
  ${each((r, c) => `var total_${r}_${c}: Result;`)}
  let begin = split * ${ofSplit}u;
  let end = min(begin + ${ofSplit}u, ${s.k}u);
  ${forOperands((operand, i) => `var ${fetch('begin')(operand, i)}`)}
  for (var k = begin; k < end; k += ${depth}u) {
    ${forOperands(keep)}
    workgroupBarrier();
    if (k + ${depth}u < end) {
      ${forOperands(fetch(`k + ${depth}u`))}
    }
    if (busy) {
      for (var d = 0u; d < ${depth}u; d += ${K}u) {
        ${lines(ofRows.map(left))}
        ${lines(
          ofColumns.flatMap((c) => [
            right(c),
            ...ofRows.map(
              (r) => `total_${r}_${c} = subgroupMatrixMultiplyAccumulate(left_${r}, right_${c}, total_${r}_${c});`,
            ),
          ]),
        )}
      }
    }
    workgroupBarrier();
  }
  let result = split * ${batchesOf(s)}u + batch;
  ${strips.join('\n')}
}
`;
  const name = splits > 1 ? 'unitsSplit' : size === 128 ? 'units128' : 'units';
  const groups = tilesOf(s, size, size).total * splits;
  const kernel = matmulKernel(s, name, text, { vectors: vectorsOf(s), groups });
  return splitVariant(s, name, { ...kernel, enables: ['chromium_experimental_subgroup_matrix'] }, splits);
}
