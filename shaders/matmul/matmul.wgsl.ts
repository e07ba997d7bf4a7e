// c = a · b over batches, with either operand stored transposed: what all variants share, and the tiles for GPUs.
//
// tiled  `size` × `size` outputs per workgroup, from strips of depth 16 in workgroup memory. A thread has 8 rows, four
//        neighbours in each half of the tile; with size 64 it has four columns, with 128 four in each half.
//
//        size  threads  workgroup memory  flops per byte of global memory (f32; f16 twice)  of workgroup memory
//          64      128             8 KiB                                                16                 1.33
//         128      256            16 KiB                                                32                 2
//
//        A GPU does some 10 to 40 flops per byte of memory bandwidth, and neighbouring tiles share data in caches: 64 is
//        bandwidth-bound at most where 128 has enough tiles to fill the GPU.
//        With `splits` the sum is split into as many parts, whose partial results a second kernel adds in a fixed order: for
//        few tiles with long sums, such as gradients of weights.
//
// The grid is one row of tiles over columns, rows, splits and batches, which may fold (linearGrid). Operands are stored as f32
// or f16; the computation is in f32.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { elements, stores } from '../lib/bindings.ts';
import { stridedOffset } from '../lib/index.wgsl.ts';
import { addingSplits } from '../lib/splits.wgsl.ts';
import { lines, range } from '../lib/text.ts';

export interface MatmulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  /** Strides of the batch axes in a and in b, in elements. */
  readonly batchStridesA: readonly number[];
  readonly batchStridesB: readonly number[];
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Element type of a, b and c. */
  readonly type: 'f32' | 'f16';
  /** True if the op's first input is b, and its second a. */
  readonly swapped?: boolean;
  /** Set if b is not stored as f32 or f16. Then k is a multiple of 4, and b is transposed. */
  readonly packed?: PackedOperand;
}

/** A b that is not stored as f32 or f16. */
export interface PackedOperand {
  /** The buffers that hold it. */
  readonly bindings: readonly Binding[];
  /** WGSL of `load_b`, which returns four neighbours in a row (see loadFunction). */
  readonly load: string;
}

/** True if every row of the operand as stored starts at a multiple of 4 elements, so that it can be bound as vec4s. */
export const vectorizedA = ({ m, k, transposeA }: MatmulShape): boolean => (transposeA ? m : k) % 4 === 0;
export const vectorizedB = ({ n, k, transposeB }: MatmulShape): boolean => (transposeB ? k : n) % 4 === 0;
export const vectorizedC = ({ n }: MatmulShape): boolean => n % 4 === 0;

/** Batches of c. */
export const batchesOf = ({ batch }: MatmulShape): number => sizeOf(batch);

/** Number of tiles of c along its columns, along its rows, and in all batches. */
export function tilesOf(s: MatmulShape, tileRows: number, tileColumns: number) {
  const [columns, rows] = [Math.ceil(s.n / tileColumns), Math.ceil(s.m / tileRows)];
  return { columns, rows, total: columns * rows * batchesOf(s) };
}

/** A workgroup's position in c. A folded grid may have surplus workgroups. */
export const place = (s: MatmulShape, tileRows: number, tileColumns: number, splits = 1): string => {
  const { columns, rows, total } = tilesOf(s, tileRows, tileColumns);
  return wgsl`
  let number = group.y * groups.x + group.x;
  if (number >= ${total * splits}u) { return; }
  let first_column = number % ${columns}u * ${tileColumns}u;
  let first_row = number / ${columns}u % ${rows}u * ${tileRows}u;
  let split = number / ${columns * rows}u % ${splits}u;
  let batch = number / ${columns * rows * splits}u;
  ${bases(s)}
`;
};

export const bases = (s: MatmulShape): string => wgsl`
  let base_a = ${stridedOffset('batch', s.batch, s.batchStridesA)};
  let base_b = ${stridedOffset('batch', s.batch, s.batchStridesB)};
`;

/** Stores four neighbours in a row of c, or of one of its partial results. */
export const storeFour = (s: MatmulShape, type: string = s.type): string => wgsl`
fn store_four(batch: u32, row: u32, column: u32, value: vec4<f32>) {
  if (row >= ${s.m}u || column >= ${s.n}u) { return; }
  let at = (batch * ${s.m}u + row) * ${s.n}u + column;
#if ${vectorizedC(s)}
  store_c(at >> 2u, vec4<${type}>(value));
#else
  store_c(at, ${type}(value.x));
  if (column + 1u < ${s.n}u) { store_c(at + 1u, ${type}(value.y)); }
  if (column + 2u < ${s.n}u) { store_c(at + 2u, ${type}(value.z)); }
  if (column + 3u < ${s.n}u) { store_c(at + 3u, ${type}(value.w)); }
#endif
}
`;

/** `load_a` and `load_b` (see loadFunction); `type` is that of the values they return. */
export const loadFunctions = (s: MatmulShape, type: 'f32' | 'f16' = 'f32'): string => `
${s.transposeA ? loadFunction('a', s.k, s.m, vectorizedA(s), type) : loadFunction('a', s.m, s.k, vectorizedA(s), type)}
${s.packed?.load ?? (s.transposeB ? loadFunction('b', s.n, s.k, vectorizedB(s), type) : loadFunction('b', s.k, s.n, vectorizedB(s), type))}
`;

/**
 * Loads four neighbours of an operand stored as `rows` × `columns`; zero out of bounds. Without branches, on which some
 * compilers spend seconds once this is inlined eight times: positions out of bounds are clamped and the value is discarded.
 */
const loadFunction = (name: string, rows: number, columns: number, vectorized: boolean, type: string) => wgsl`
fn load_${name}(base: u32, row: u32, column: u32) -> vec4<${type}> {
  let start = base + min(row, ${Math.max(rows, 1) - 1}u) * ${columns}u;
#if ${vectorized}
  let value = vec4<${type}>(${name}[(start + min(column, ${Math.max(columns, 4) - 4}u)) >> 2u]);
  return select(vec4<${type}>(), value, row < ${rows}u && column < ${columns}u);
#else
  let columns = vec4<u32>(column, column + 1u, column + 2u, column + 3u);
  let at = start + min(columns, vec4<u32>(${Math.max(columns, 1) - 1}u));
  let value = vec4<${type}>(vec4(${name}[at.x], ${name}[at.y], ${name}[at.z], ${name}[at.w]));
  return select(vec4<${type}>(), value, vec4<bool>(row < ${rows}u) & (columns < vec4<u32>(${columns}u)));
#endif
}
`;

export interface MatmulTiles {
  /** Rows and columns of a tile. */
  readonly size: 64 | 128;
  /** Parts of the sum, each with partial results of its own. */
  readonly splits: number;
}

const DEPTH = 16;

/** Terms that each of about `splits` parts sums, for a kernel that sums `step` at a time. */
export const splitDepth = ({ k }: MatmulShape, splits: number, step = DEPTH): number =>
  Math.max(1, Math.ceil(k / splits / step)) * step;

/** How a product is launched: which of a, b and c are bound as vectors, and the number of workgroups. */
export interface MatmulLaunch {
  readonly vectors: readonly [a: boolean, b: boolean, c: boolean];
  readonly groups: number;
}

export const vectorsOf = (s: MatmulShape) => [vectorizedA(s), vectorizedB(s), vectorizedC(s)] as const;

/** The kernel of a product, whose WGSL writes c by `store_c`. */
export function matmulKernel(s: MatmulShape, name: string, text: string, { vectors, groups }: MatmulLaunch): Kernel {
  const a: Binding = { name: 'a', type: elements(s.type, vectors[0]) };
  const b: readonly Binding[] = s.packed?.bindings ?? [{ name: 'b', type: elements(s.type, vectors[1]) }];
  return {
    name: `${s.packed ? 'quantizedMatmul' : 'matmul'}.${name}`,
    inputs: s.swapped ? [...b, a] : [a, ...b],
    outputs: [stores('c', elements(s.type, vectors[2]))],
    workgroups: linearGrid(groups, 1),
    wgsl: text,
  };
}

/** The variant with this kernel alone or, if the sum is split, followed by one that adds its partial results, in f32. */
export function splitVariant(s: MatmulShape, name: string, kernel: Kernel, splits: number): Variant {
  if (splits === 1) return { name, kernels: [kernel] };
  const partials = stores('c', elements('f32', vectorizedC(s)));
  return addingSplits(name, kernel, partials, splits, batchesOf(s) * s.m * s.n, s.type);
}

/**
 * Loads a 4 × 4 block of an operand: column j is four neighbours along m or n at depth j. Neighbouring threads load contiguous
 * elements: if those are along the sum, four threads share a row and the block is transposed, so that whole vectors are written.
 */
const blockFunction = (name: string, along: 'sum' | 'outputs', quads: number) => wgsl`
fn block_${name}(base: u32, first: u32, k: u32, thread: u32) -> mat4x4<f32> {
#if ${along === 'sum'}
  let at = first + (thread >> 2u) * 4u;
  let depth = k + (thread & 3u) * 4u;
  return transpose(mat4x4<f32>(${range(4)
    .map((i) => `load_${name}(base, at + ${i}u, depth)`)
    .join(', ')}));
#else
  let at = first + thread % ${quads}u * 4u;
  let depth = k + thread / ${quads}u * 4u;
  return mat4x4<f32>(${range(4)
    .map((i) => `load_${name}(base, depth + ${i}u, at)`)
    .join(', ')});
#endif
}
// Where the block is written. The position is XORed with the depth, so that neighbouring threads use different banks.
fn place_${name}(thread: u32) -> u32 {
#if ${along === 'sum'}
  return (thread & 3u) * ${4 * quads}u + ((thread >> 2u) ^ ((thread & 3u) * 2u));
#else
  return thread / ${quads}u * ${4 * quads}u + ((thread % ${quads}u) ^ (thread / ${quads}u * 2u));
#endif
}
`;

/** The tiled variants: `tiled`, `tiled128`, and `split` if the sum is split. */
export function matmulTiled(s: MatmulShape, { size, splits }: MatmulTiles): Variant {
  const quads = size / 4; // vec4s along a side of the tile
  const [rows, columns] = [range(2), range(size / 64)]; // vec4s per thread
  const depth = splitDepth(s, splits);
  const each = (statement: (row: number, part: number, column: number) => string) =>
    lines(rows.flatMap((r) => range(4).flatMap((i) => columns.map((c) => statement(r, i, c)))));
  const text = wgsl`
${loadFunctions(s)}
${blockFunction('a', s.transposeA ? 'outputs' : 'sum', quads)}
${blockFunction('b', s.transposeB ? 'sum' : 'outputs', quads)}
${storeFour(s, splits > 1 ? 'f32' : s.type)}
// [operand][depth][quad]
var<workgroup> tile: array<vec4<f32>, ${2 * DEPTH * quads}>;

@compute @workgroup_size(16, ${size / 8})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  ${place(s, size, size, splits)}
  // Half of the threads load a block of a, the others a block of b.
  let of_a = thread < ${size}u;
  let block = thread % ${size}u;
  let to = select(${DEPTH * quads}u + place_b(block), place_a(block), of_a);
  ${each((r, i, c) => `var total_${r}_${i}_${c} = vec4<f32>();`)}
  for (var k = split * ${depth}u; k < min((split + 1u) * ${depth}u, ${s.k}u); k += ${DEPTH}u) {
    var staged: mat4x4<f32>;
    if (of_a) { staged = block_a(base_a, first_row, k, block); } else { staged = block_b(base_b, first_column, k, block); }
    workgroupBarrier();
    ${lines(range(4).map((i) => `tile[to + ${i * quads}u] = staged[${i}];`))}
    workgroupBarrier();
    for (var d = 0u; d < ${DEPTH}u; d++) {
      let mixed = (d >> 2u) * 2u;
      let from_a = d * ${quads}u + (local.y ^ mixed);
      let from_b = ${DEPTH * quads}u + d * ${quads}u + (local.x ^ mixed);
      ${lines(rows.map((r) => `let a_${r} = tile[from_a + ${(r * quads) / 2}u];`))}
      ${lines(columns.map((c) => `let b_${c} = tile[from_b + ${(c * quads) / 2}u];`))}
      ${each((r, i, c) => `total_${r}_${i}_${c} += a_${r}.${'xyzw'[i]} * b_${c};`)}
    }
  }
  let row = first_row + local.y * 4u;
  let column = first_column + local.x * 4u;
  let result = split * ${batchesOf(s)}u + batch;
  ${each((r, i, c) => `store_four(result, row + ${(r * size) / 2 + i}u, column + ${(c * size) / 2}u, total_${r}_${i}_${c});`)}
}
`;
  const name = splits > 1 ? 'split' : size === 128 ? 'tiled128' : 'tiled';
  const groups = tilesOf(s, size, size).total * splits;
  return splitVariant(s, name, matmulKernel(s, name, text, { vectors: vectorsOf(s), groups }), splits);
}
