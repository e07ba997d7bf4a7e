// c = a · b without workgroup memory and barriers: first choice on software adapters, and for few rows.
//
// A thread has up to 8 rows of 4 columns in registers, or of 8, or 12 rows of 4, and goes along the sum one by one: a value of each row
// of a, one or two times four neighbours of b. Threads of a workgroup lie along the columns only, so that all of them read the same of a:
// compilers for CPUs load it once for all lanes. That still costs lavapipe a third of a vec4 of b, so that 8 columns are 1.4 times as
// fast as 4 (512 x 512 x 512; 1.2 times on SwiftShader); 12 and 16 are slower again, but for up to 4 rows. Going along the sum by
// more than one is slower, but for up to 4 rows of 4 columns, and packed weights, which come four at a time.
// Where a CPU has subgroups, each of four lanes loads another term of a row of a, and all get it from there: a load costs them more than
// passing a number on does (`lib/lanes.wgsl.ts`), and so rows are cheap: 12.
// Edges cost nothing inside: rows and columns past the end read the last one, and are not stored.
// Arithmetic intensity, in flops a byte: 4 for b from the caches with 8 rows of f32; a comes once a workgroup.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Kernel } from '../../src/core/kernel.ts';
import { once } from '../lib/grid.wgsl.ts';
import { termsFromLanes, LANE_BUILTIN, OWN_TERM, sharesLoads } from '../lib/lanes.wgsl.ts';
import { matmulKernel, place, storeFour, tilesOf, vectorizedB, vectorizedC, type MatmulShape } from './matmul.wgsl.ts';

/** vec4 of columns of one thread, a workgroup's width apart. */
export type RegisterVectors = 1 | 2 | 4;

/**
 * Threads of a workgroup: no more than there are columns for, as those that share loads all take part, by whole subgroups of four; and
 * many columns a thread leave few threads, which should still be several workgroups.
 */
const threadsOf = ({ n }: MatmulShape, vectors: RegisterVectors): number =>
  Math.min(vectors === 4 ? 8 : 32, 4 * Math.max(1, Math.ceil(n / (16 * vectors))));

/** What one thread computes. */
export interface RegisterBlock {
  readonly vectors: RegisterVectors;
  /** Whether the lanes of a subgroup share out the loads of a. */
  readonly shared: boolean;
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

/** Rows of one thread, of `m` in all, and at most `most`: as many as leave the fewest loads, of the rows and of four columns. */
export function rowsOf(m: number, most = 8): number {
  if (m <= most) return m;
  const loads = (rows: number) => Math.ceil(m / rows) * (rows + 4);
  return range(most - 4).reduce((best, i) => (loads(most - i) < loads(best) ? most - i : best), most);
}

const blockRows = ({ m }: MatmulShape, { shared }: RegisterBlock): number => rowsOf(m, shared ? 12 : 8);

/** Columns of a workgroup. */
const columnsOf = (s: MatmulShape, vectors: RegisterVectors): number => 4 * threadsOf(s, vectors) * vectors;

const groupsOf = (s: MatmulShape, block: RegisterBlock): number =>
  tilesOf(s, blockRows(s, block), columnsOf(s, block.vectors)).total;

/** Terms of the sum that are taken at a time; by four they are read as vectors where b is transposed. */
function stepOf(s: MatmulShape, { vectors, shared }: RegisterBlock): 1 | 2 | 4 {
  if (shared || alongSumPays(s)) return 4;
  return s.m <= 4 && vectors === 1 && s.k % 2 === 0 ? 2 : 1;
}

const alongSumPays = ({ m, k, packed, transposeB }: MatmulShape): boolean =>
  !!packed || (m <= 4 && transposeB && k % 4 === 0);

/** The block of a thread: more columns leave a GPU with too few threads, a CPU has few. */
export function registerBlock(
  s: MatmulShape,
  capabilities: { readonly software: boolean; readonly subgroups: boolean },
): RegisterBlock {
  const shared = !s.packed && sharesLoads(s.m, s.k, capabilities);
  if (shared || !capabilities.software || s.n <= 128) return { vectors: 1, shared };
  if (s.m > 4) return { vectors: 2, shared };
  return { vectors: alongSumPays(s) ? 1 : 4, shared };
}

/** True where b is bound as vectors; a only is beside a packed b. */
const registerVectorsB = (s: MatmulShape): boolean => vectorizedB(s) && (!s.transposeB || alongSumPays(s));

/** How the columns of b lie in a batch. */
export interface Columns {
  /** Where `column` starts. */
  start(column: string): string;
  /** From one of its elements to the next. */
  readonly step: number;
}

const matrixColumns = ({ n, k, transposeB }: MatmulShape): Columns =>
  transposeB ? { start: (column) => `${column} * ${k}u`, step: 1 } : { start: (column) => column, step: n };

/** The `register` variant. Other kernels reuse its text, with a `store_c` or bindings of their own. */
export function matmulRegister(s: MatmulShape, block: RegisterBlock, columns: Columns = matrixColumns(s)): Kernel {
  const { vectors, shared } = block;
  const rows = range(blockRows(s, block));
  const vecs = range(vectors);
  const threads = threadsOf(s, vectors);
  const lines = (items: readonly string[]) => items.join('\n    ');
  const row = (r: number) => `min(first_row + ${r}u, ${s.m - 1}u)`;
  /** Column `j` of vector `v` of the thread. */
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
  /** Vectors along the sum, one a column. */
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
  // What can be known before the loop: SwiftShader shifts and divides numbers one by one.
  ${registerVectorsB(s) && !s.transposeB ? lines(vecs.map((v) => `let quad_${v} = b_${v}_0 >> 2u;`)) : ''}
  ${shared ? OWN_TERM : ''}
  ${each((r, v) => `var total_${r}_${v} = vec4<f32>();`)}
  for (var k = 0u; k < ${s.k}u * once; k += ${step}u) {
    ${terms}
  }
  // In a loop that compilers cannot unroll: they would write out the ops that joined the kernel once a row, and take seconds.
  var totals = array<vec4<f32>, ${rows.length * vectors}>(${each((r, v) => `total_${r}_${v},`)});
  for (var i = 0u; i < ${rows.length * vectors}u * once; i++) {
    store_four(batch, first_row + i / ${vectors}u, column + i % ${vectors}u * ${4 * threads}u, totals[i]);
  }
}
`;
  const bound = [!!s.packed, registerVectorsB(s), vectorizedC(s)] as const;
  return matmulKernel(s, 'register', text, { vectors: bound, groups: groupsOf(s, block) });
}
