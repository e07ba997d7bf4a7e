// c = a · b over batches, with either operand stored transposed.
//
// Both variants compute 4 × 4 outputs a thread from 4 × 4 blocks of a and b, and read memory as vec4 along whichever axis
// lies contiguous (scalar reads with bounds checks where a size is not a multiple of 4).
// register  no workgroup memory and no barrier: best on software adapters and for small outputs.
// tiled     64 × 64 outputs a workgroup of 16 × 16 threads; 64 × 16 slices of a and 16 × 64 of b are staged in workgroup
//           memory, so each value is read from global memory once per tile instead of once per thread.
// gemv      for one to four rows (or columns) of c: the other operand is read once, and its rows and columns of c are kept in
//           a vector. Where its neighbours lie along the sum, 64 threads share each sum; where they lie along the outputs,
//           a thread has an output to itself and 8 of them share the sum. Partial sums halve in workgroup memory.
// The grid is one row of tiles over columns, rows and batches, which may fold (linearGrid).
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { stridedOffset } from './lib/index.wgsl.ts';

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
}

/** Rows and columns of c that one workgroup computes. */
export const REGISTER_TILE = 32;
export const SHARED_TILE = 64;
const DEPTH = 16;

/** True when every row of the operand as stored starts at a multiple of 4 elements, so that it can be bound as vec4. */
export const vectorizedA = ({ m, k, transposeA }: MatmulShape): boolean => (transposeA ? m : k) % 4 === 0;
export const vectorizedB = ({ n, k, transposeB }: MatmulShape): boolean => (transposeB ? k : n) % 4 === 0;
export const vectorizedC = ({ n }: MatmulShape): boolean => n % 4 === 0;

/**
 * Four neighbours of one operand, stored as `rows` × `columns`: zero outside. Without branches, which some compilers take
 * seconds over once this is inlined eight times: places outside read the nearest one inside, and the value is dropped.
 */
const loadFunction = (name: string, rows: number, columns: number, vectorized: boolean) => wgsl`
fn load_${name}(base: u32, row: u32, column: u32) -> vec4<f32> {
  let start = base + min(row, ${Math.max(rows, 1) - 1}u) * ${columns}u;
#if ${vectorized}
  let value = ${name}[(start + min(column, ${Math.max(columns, 4) - 4}u)) >> 2u];
  return select(vec4<f32>(0.0), value, row < ${rows}u && column < ${columns}u);
#else
  let columns = vec4<u32>(column, column + 1u, column + 2u, column + 3u);
  let at = start + min(columns, vec4<u32>(${Math.max(columns, 1) - 1}u));
  let value = vec4<f32>(${name}[at.x], ${name}[at.y], ${name}[at.z], ${name}[at.w]);
  return select(vec4<f32>(0.0), value, vec4<bool>(row < ${rows}u) & (columns < vec4<u32>(${columns}u)));
#endif
}
`;

/** Loads of both operands, and the store of one row of four outputs. */
const access = (s: MatmulShape) => wgsl`
${s.transposeA ? loadFunction('a', s.k, s.m, vectorizedA(s)) : loadFunction('a', s.m, s.k, vectorizedA(s))}
${s.transposeB ? loadFunction('b', s.n, s.k, vectorizedB(s)) : loadFunction('b', s.k, s.n, vectorizedB(s))}
fn store_four(batch: u32, row: u32, column: u32, value: vec4<f32>) {
  if (row >= ${s.m}u || column >= ${s.n}u) { return; }
  let at = (batch * ${s.m}u + row) * ${s.n}u + column;
#if ${vectorizedC(s)}
  store_c(at >> 2u, value);
#else
  store_c(at, value.x);
  if (column + 1u < ${s.n}u) { store_c(at + 1u, value.y); }
  if (column + 2u < ${s.n}u) { store_c(at + 2u, value.z); }
  if (column + 3u < ${s.n}u) { store_c(at + 3u, value.w); }
#endif
}
`;

/** A 4 × 4 block of an operand whose column i holds the operand's index i along the summed axis. */
const block = (name: string, row: string, column: string) =>
  `mat4x4<f32>(${[0, 1, 2, 3].map((i) => `load_${name}(base_${name}, ${row} + ${i}u, ${column})`).join(', ')})`;

/** Tiles of c along its columns, along its rows, and in all batches. */
export function tilesOf(s: MatmulShape, tile: number): { columns: number; rows: number; total: number } {
  const [columns, rows] = [Math.ceil(s.n / tile), Math.ceil(s.m / tile)];
  return { columns, rows, total: columns * rows * s.batch.reduce((size, dim) => size * dim, 1) };
}

/** Where in c a workgroup is. A folded grid has a few groups too many. */
const place = (s: MatmulShape, tile: number) => {
  const { columns, rows, total } = tilesOf(s, tile);
  return wgsl`
  let number = group.y * groups.x + group.x;
  if (number >= ${total}u) { return; }
  let first_column = number % ${columns}u * ${tile}u;
  let first_row = number / ${columns}u % ${rows}u * ${tile}u;
  let batch = number / ${columns * rows}u;
  ${bases(s)}
`;
};

const bases = (s: MatmulShape) => wgsl`
  let base_a = ${stridedOffset('batch', s.batch, s.batchStridesA)};
  let base_b = ${stridedOffset('batch', s.batch, s.batchStridesB)};
`;

export const matmulRegisterKernel = (s: MatmulShape): string => wgsl`
${access(s)}
@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  ${place(s, REGISTER_TILE)}
  let row = first_row + local.y * 4u;
  let column = first_column + local.x * 4u;
  if (row >= ${s.m}u || column >= ${s.n}u) { return; }
  var total = mat4x4<f32>();  // column i: row i of c
  for (var k = 0u; k < ${s.k}u; k += 4u) {
#if ${s.transposeA}
    let a_block = transpose(${block('a', 'k', 'row')});
#else
    let a_block = ${block('a', 'row', 'k')};
#endif
#if ${s.transposeB}
    let b_block = transpose(${block('b', 'column', 'k')});
#else
    let b_block = ${block('b', 'k', 'column')};
#endif
    total += b_block * a_block;
  }
  for (var i = 0u; i < 4u; i++) { store_four(batch, row + i, column, total[i]); }
}
`;

export const matmulTiledKernel = (s: MatmulShape): string => wgsl`
${access(s)}
// tile[k][i]: four neighbours along m (of a) or n (of b) at depth k.
var<workgroup> a_tile: array<array<vec4<f32>, ${SHARED_TILE / 4}>, ${DEPTH}>;
var<workgroup> b_tile: array<array<vec4<f32>, ${SHARED_TILE / 4}>, ${DEPTH}>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  ${place(s, SHARED_TILE)}
  // Staging: each of the 256 threads moves one vec4 of each operand.
  let along = thread >> 2u;           // 0 … 63, the position along m or n
  let depth4 = (thread & 3u) * 4u;    // 0, 4, 8, 12
  let depth = thread >> 4u;           // 0 … 15
  let along4 = thread & 15u;          // 0 … 15, in vec4
  var total = mat4x4<f32>();
  for (var k = 0u; k < ${s.k}u; k += ${DEPTH}u) {
#if ${s.transposeA}
    a_tile[depth][along4] = load_a(base_a, k + depth, first_row + along4 * 4u);
#else
    let a_value = load_a(base_a, first_row + along, k + depth4);
    for (var i = 0u; i < 4u; i++) { a_tile[depth4 + i][along >> 2u][along & 3u] = a_value[i]; }
#endif
#if ${s.transposeB}
    let b_value = load_b(base_b, first_column + along, k + depth4);
    for (var i = 0u; i < 4u; i++) { b_tile[depth4 + i][along >> 2u][along & 3u] = b_value[i]; }
#else
    b_tile[depth][along4] = load_b(base_b, k + depth, first_column + along4 * 4u);
#endif
    workgroupBarrier();
    for (var d = 0u; d < ${DEPTH}u; d++) {
      let a_value = a_tile[d][local.y];
      let b_value = b_tile[d][local.x];
      total += mat4x4<f32>(a_value.x * b_value, a_value.y * b_value, a_value.z * b_value, a_value.w * b_value);
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    store_four(batch, first_row + local.y * 4u + i, first_column + local.x * 4u, total[i]);
  }
}
`;

/** Most rows (or columns) of c that the gemv variant takes. */
export const GEMV_ROWS = 4;
const GEMV_WORKGROUP = 256;

/** How a product with few rows or few columns reads its operands: `few` has up to four of them, `many` the rest. */
function gemvPlan(s: MatmulShape) {
  const [aRow, aColumn] = s.transposeA ? [1, s.m] : [s.k, 1];
  const [bRow, bColumn] = s.transposeB ? [1, s.k] : [s.n, 1];
  const a = { name: 'a', count: s.m, stride: aRow, alongSum: aColumn, inC: s.n };
  const b = { name: 'b', count: s.n, stride: bColumn, alongSum: bRow, inC: 1 };
  const [few, many] = s.m <= s.n ? [a, b] : [b, a];
  // Threads that share one sum: neighbours in memory are read by neighbours among the threads.
  const lanes = many.alongSum === 1 ? 64 : 8;
  return { few, many, lanes, perGroup: GEMV_WORKGROUP / lanes };
}

/** Workgroups of the gemv variant. */
export function gemvGroups(s: MatmulShape): number {
  const { many, perGroup } = gemvPlan(s);
  return Math.ceil(many.count / perGroup) * s.batch.reduce((size, dim) => size * dim, 1);
}

export function matmulGemvKernel(s: MatmulShape): string {
  const { few, many, lanes, perGroup } = gemvPlan(s);
  const groupsOfMany = Math.ceil(many.count / perGroup);
  const alongSum = many.alongSum === 1;
  const fewAt = (i: number) =>
    i < few.count ? `${few.name}[base_${few.name} + ${i * few.stride}u + k * ${few.alongSum}u]` : '0.0';
  return wgsl`
var<workgroup> partial: array<vec4<f32>, ${GEMV_WORKGROUP}>;

@compute @workgroup_size(${GEMV_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let number = group.y * groups.x + group.x;
  if (number >= ${gemvGroups(s)}u) { return; }
  let batch = number / ${groupsOfMany}u;
  ${bases(s)}
#if ${alongSum}
  let lane = local % ${lanes}u;
  let within = local / ${lanes}u;
#else
  let lane = local / ${perGroup}u;
  let within = local % ${perGroup}u;
#endif
  let wanted = number % ${groupsOfMany}u * ${perGroup}u + within;
  let column = min(wanted, ${many.count - 1}u);
  var total = vec4<f32>();
  for (var k = lane; k < ${s.k}u; k += ${lanes}u) {
    let value = ${many.name}[base_${many.name} + column * ${many.stride}u + k * ${many.alongSum}u];
    total += value * vec4<f32>(${[0, 1, 2, 3].map(fewAt).join(', ')});
  }
  let own = within * ${lanes}u + lane;
  partial[own] = total;
  for (var width = ${lanes / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (lane < width) { partial[own] += partial[own + width]; }
  }
  if (lane == 0u && wanted == column) {
    let at = batch * ${s.m * s.n}u + column * ${many.inC}u;
    ${Array.from({ length: few.count }, (_, i) => `store_c(at + ${i * few.inC}u, partial[own][${i}]);`).join('\n    ')}
  }
}
`;
}
