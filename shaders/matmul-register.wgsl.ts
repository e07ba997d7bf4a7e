// c = a · b without workgroup memory and barriers: first choice on software adapters, and for few rows.
//
// A thread has up to 8 rows of 4 columns in registers, and goes along the sum one by one: a value of each row of a, four neighbours
// of b. Threads of a workgroup lie along the columns only, so that all of them read the same of a: compilers for CPUs load it
// once for all lanes. More at a time (4 × 4 blocks) needs more registers than a CPU has, and was half as fast on lavapipe; only
// up to 4 rows go on by four, and packed weights, which come four at a time.
// Edges cost nothing inside: rows and columns past the end read the last one, and are not stored.
// Arithmetic intensity, in flops a byte: 4 for b from the caches with 8 rows of f32; a comes once a workgroup.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { once } from './lib/grid.wgsl.ts';
import { place, storeFour, tilesOf, vectorizedB, type MatmulShape } from './matmul.wgsl.ts';

const WORKGROUP = 64;
const COLUMNS = 4 * WORKGROUP;

const range = (length: number) => Array.from({ length }, (_, i) => i);

/** Rows of one thread, of `m` in all: as many as waste the fewest. */
export function rowsOf(m: number): number {
  if (m <= 8) return m;
  const waste = (rows: number) => Math.ceil(m / rows) * rows;
  return [8, 7, 6, 5].reduce((best, rows) => (waste(rows) < waste(best) ? rows : best));
}

export const matmulRegisterGroups = (s: MatmulShape): number => tilesOf(s, rowsOf(s.m), COLUMNS).total;

const byFour = ({ m, k, loadB }: MatmulShape): boolean => !!loadB || (m <= 4 && k % 4 === 0);

/** True where b is bound as vectors; a only is beside a `loadB`. */
export const registerVectorsB = (s: MatmulShape): boolean => vectorizedB(s) && (!s.transposeB || byFour(s));

export function matmulRegisterKernel(s: MatmulShape): string {
  const rows = range(rowsOf(s.m));
  const lines = (items: readonly string[]) => items.join('\n    ');
  const row = (r: number) => `min(first_row + ${r}u, ${s.m - 1}u)`;
  const column = (j: number) => `min(column + ${j}u, ${s.n - 1}u)`;
  const four = (value: (j: number) => string) => `vec4<f32>(vec4(${range(4).map(value).join(', ')}))`;
  const [stepA, stepB] = [s.transposeA ? s.m : 1, s.transposeB ? 1 : s.n];
  const a = (r: number, q: number) => `a[a_${r} + (k + ${q}u) * ${stepA}u]`;
  const b = (q: number) =>
    registerVectorsB(s)
      ? `vec4<f32>(b[(b_0 + (k + ${q}u) * ${stepB}u) >> 2u])`
      : four((j) => `b[b_${j} + (k + ${q}u) * ${stepB}u]`);
  const single = (q: number) =>
    lines([`let four_${q} = ${b(q)};`, ...rows.map((r) => `total_${r} += f32(${a(r, q)}) * four_${q};`)]);
  /** Vectors along the sum, one a column. */
  const alongSum = () =>
    lines([
      ...range(4).map((j) =>
        s.loadB
          ? `let along_${j} = load_b(0u, ${column(j)}, k);`
          : `let along_${j} = vec4<f32>(b[(b_${j} + k) >> 2u]);`,
      ),
      ...rows.map((r) => `let row_${r} = ${s.loadB ? `vec4<f32>(a[(a_${r} + k) >> 2u])` : four((q) => a(r, q))};`),
      ...rows.map(
        (r) =>
          `total_${r} += vec4<f32>(${range(4)
            .map((j) => `dot(row_${r}, along_${j})`)
            .join(', ')});`,
      ),
    ]);
  const steps = !byFour(s) ? single(0) : s.transposeB ? alongSum() : lines(range(4).map(single));
  return wgsl`
${s.loadB ?? ''}
${storeFour(s)}
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  ${place(s, rows.length, COLUMNS)}
  let column = first_column + local * 4u;
  if (column >= ${s.n}u) { return; }
  ${once}
  ${lines(rows.map((r) => `let a_${r} = base_a + ${row(r)}${s.transposeA ? '' : ` * ${s.k}u`};`))}
  ${lines(range(4).map((j) => `let b_${j} = base_b + ${column(j)}${s.transposeB ? ` * ${s.k}u` : ''};`))}
  ${lines(rows.map((r) => `var total_${r} = vec4<f32>();`))}
  for (var k = 0u; k < ${s.k}u * once; k += ${byFour(s) ? 4 : 1}u) {
    ${steps}
  }
  // In a loop that compilers cannot unroll: they would write out the ops that joined the kernel once a row, and take seconds.
  var totals = array<vec4<f32>, ${rows.length}>(${rows.map((r) => `total_${r}`).join(', ')});
  for (var r = 0u; r < ${rows.length}u * once; r++) { store_four(batch, first_row + r, column, totals[r]); }
}
`;
}
