// c = a · b without workgroup memory or barriers: first choice on software adapters, and for few rows.
//
// A thread keeps up to 8 rows × 4 or 8 columns of c in registers, or 12 × 4 with shared loads, and adds one term of the sum at a
// time: a value of each row of a, and one or two vec4s of b. The threads of a workgroup differ only in their columns, so that all
// read the same values of a, which compilers for CPUs load once for all lanes. On lavapipe that still costs a third of a vec4 of
// b, so 8 columns are 1.4 times as fast as 4 (512 × 512 × 512; 1.2 times on SwiftShader); 12 and 16 are slower, except for up to
// 4 rows. More than one term at a time is slower, except for up to 4 rows × 4 columns, and for packed weights, which come in fours.
// If a CPU has subgroups, each of four lanes loads a different term of a row of a and broadcasts it, since a load costs more than
// a broadcast (`lib/lanes.wgsl.ts`); that makes rows cheap, so there are 12.
// Edges need no branches in the loop: rows and columns past the end read the last one, and are not stored.
// Arithmetic intensity: 4 flops per byte of b from the caches with 8 rows of f32; a is read once per workgroup.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Kernel } from '../../src/core/kernel.ts';
import { once } from '../lib/grid.wgsl.ts';
import { termsFromLanes, LANE_BUILTIN, OWN_TERM, sharesLoads } from '../lib/lanes.wgsl.ts';
import { lines, range } from '../lib/text.ts';
import { matmulKernel, place, storeFour, tilesOf, vectorizedB, vectorizedC, type MatmulShape } from './matmul.wgsl.ts';

/** Number of vec4s of columns per thread, a workgroup's width apart. */
export type RegisterVectors = 1 | 2 | 4;

/**
 * Threads per workgroup: in whole subgroups of four, and hardly more than there are columns for, since with shared loads none may
 * be idle. Many columns per thread leave few threads, which should still form several workgroups.
 */
const threadsOf = ({ n }: MatmulShape, vectors: RegisterVectors): number =>
  Math.min(vectors === 4 ? 8 : 32, 4 * Math.max(1, Math.ceil(n / (16 * vectors))));

/** The block that one thread computes. */
export interface RegisterBlock {
  readonly vectors: RegisterVectors;
  /** Whether the lanes of a subgroup share the loads of a. */
  readonly shared: boolean;
}

/** Rows per thread, out of `m` and at most `most`: the number with the fewest loads, of these rows and of four columns. */
export function rowsOf(m: number, most = 8): number {
  if (m <= most) return m;
  const loads = (rows: number) => Math.ceil(m / rows) * (rows + 4);
  return range(most - 4).reduce((best, i) => (loads(most - i) < loads(best) ? most - i : best), most);
}

const blockRows = ({ m }: MatmulShape, { shared }: RegisterBlock): number => rowsOf(m, shared ? 12 : 8);

/** Columns per workgroup. */
const columnsOf = (s: MatmulShape, vectors: RegisterVectors): number => 4 * threadsOf(s, vectors) * vectors;

const groupsOf = (s: MatmulShape, block: RegisterBlock): number =>
  tilesOf(s, blockRows(s, block), columnsOf(s, block.vectors)).total;

/** Terms of the sum per iteration; four are read as vectors if b is transposed. */
function stepOf(s: MatmulShape, { vectors, shared }: RegisterBlock): 1 | 2 | 4 {
  if (shared || alongSumPays(s)) return 4;
  return s.m <= 4 && vectors === 1 && s.k % 2 === 0 ? 2 : 1;
}

const alongSumPays = ({ m, k, packed, transposeB }: MatmulShape): boolean =>
  !!packed || (m <= 4 && transposeB && k % 4 === 0);

/** A thread's block: more columns would leave a GPU with too few threads, while a CPU needs few. */
export function registerBlock(
  s: MatmulShape,
  capabilities: { readonly software: boolean; readonly subgroups: boolean },
): RegisterBlock {
  const shared = !s.packed && sharesLoads(s.m, s.k, capabilities);
  if (shared || !capabilities.software || s.n <= 128) return { vectors: 1, shared };
  if (s.m > 4) return { vectors: 2, shared };
  return { vectors: alongSumPays(s) ? 1 : 4, shared };
}

/** True if b is bound as vectors; a is only if b is packed. */
const registerVectorsB = (s: MatmulShape): boolean => vectorizedB(s) && (!s.transposeB || alongSumPays(s));

/** The layout of b's columns within a batch. */
export interface Columns {
  /** Offset of `column`. */
  start(column: string): string;
  /** Stride between its elements. */
  readonly step: number;
}

const matrixColumns = ({ n, k, transposeB }: MatmulShape): Columns =>
  transposeB ? { start: (column) => `${column} * ${k}u`, step: 1 } : { start: (column) => column, step: n };

/** The `register` variant. Other kernels reuse its WGSL with their own `store_c` or bindings. */
export function matmulRegister(s: MatmulShape, block: RegisterBlock, columns: Columns = matrixColumns(s)): Kernel {
  const { vectors, shared } = block;
  const rows = range(blockRows(s, block));
  const vecs = range(vectors);
  const threads = threadsOf(s, vectors);
  const row = (r: number) => `min(first_row + ${r}u, ${s.m - 1}u)`;
  /** Column `j` of the thread's vector `v`. */
  const column = (v: number, j: number) => `min(column + ${v * 4 * threads + j}u, ${s.n - 1}u)`;
  const four = (value: (j: number) => string) => `vec4<f32>(vec4(${range(4).map(value).join(', ')}))`;
  const stepA = s.transposeA ? s.m : 1;
  const a = (r: number, term: string) => `a[a_${r} + ${term} * ${stepA}u]`;
  const at = (q: number) => `(k + ${q}u)`;
  const b = (v: number, q: number) =>
    registerVectorsB(s)
      ? `vec4<f32>(b[quad_${v} + (k + ${q}u) * ${columns.step / 4}u])`
      : four((j) => `b[b_${v}_${j} + (k + ${q}u) * ${columns.step}u]`);
  const single = (q: number, valueA = (r: number) => `f32(${a(r, at(q))})`) =>
    lines([
      ...vecs.map((v) => `let four_${q}_${v} = ${b(v, q)};`),
      ...rows.map(
        (r) =>
          `let a_${q}_${r} = ${valueA(r)}; ${vecs.map((v) => `total_${r}_${v} += a_${q}_${r} * four_${q}_${v};`).join(' ')}`,
      ),
    ]);
  /** Vectors along the sum, one per column. */
  const alongSum = () =>
    lines([
      ...vecs.flatMap((v) =>
        range(4).map((j) =>
          s.packed
            ? `let along_${v}_${j} = load_b(0u, ${column(v, j)}, k);`
            : `let along_${v}_${j} = vec4<f32>(b[(b_${v}_${j} + k) >> 2u]);`,
        ),
      ),
      ...rows.map((r) => `let row_${r} = ${s.packed ? `vec4<f32>(a[(a_${r} + k) >> 2u])` : four((q) => a(r, at(q)))};`),
      ...rows.flatMap((r) =>
        vecs.map(
          (v) =>
            `total_${r}_${v} += vec4<f32>(${range(4)
              .map((j) => `dot(row_${r}, along_${v}_${j})`)
              .join(', ')});`,
        ),
      ),
    ]);
  const step = stepOf(s, block);
  const terms = shared
    ? lines(termsFromLanes(rows, (r, term) => `f32(${a(r, term)})`, single))
    : step === 4
      ? alongSum()
      : lines(range(step).map((q) => single(q)));
  const each = (line: (r: number, v: number) => string) => lines(rows.flatMap((r) => vecs.map((v) => line(r, v))));
  const text = wgsl`
${s.packed?.load ?? ''}
${storeFour(s)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32${shared ? LANE_BUILTIN : ''}) {
  ${place(s, rows.length, columnsOf(s, vectors))}
  let column = first_column + local * 4u;
  ${shared ? '' : `if (column >= ${s.n}u) { return; }`}
  ${once}
  ${lines(rows.map((r) => `let a_${r} = base_a + ${row(r)}${s.transposeA ? '' : ` * ${s.k}u`};`))}
  ${lines(vecs.flatMap((v) => range(4).map((j) => `let b_${v}_${j} = base_b + ${columns.start(column(v, j))};`)))}
  // Hoisted out of the loop: SwiftShader shifts and divides lane by lane.
  ${registerVectorsB(s) && !s.transposeB ? lines(vecs.map((v) => `let quad_${v} = b_${v}_0 >> 2u;`)) : ''}
  ${shared ? OWN_TERM : ''}
  ${each((r, v) => `var total_${r}_${v} = vec4<f32>();`)}
  for (var k = 0u; k < ${s.k}u * once; k += ${step}u) {
    ${terms}
  }
  // In a loop that compilers cannot unroll: they would repeat the epilogue for every row, and take seconds.
  var totals = array<vec4<f32>, ${rows.length * vectors}>(${each((r, v) => `total_${r}_${v},`)});
  for (var i = 0u; i < ${rows.length * vectors}u * once; i++) {
    store_four(batch, first_row + i / ${vectors}u, column + i % ${vectors}u * ${4 * threads}u, totals[i]);
  }
}
`;
  const bound = [!!s.packed, registerVectorsB(s), vectorizedC(s)] as const;
  return matmulKernel(s, 'register', text, { vectors: bound, groups: groupsOf(s, block) });
}
