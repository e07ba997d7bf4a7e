// A step of a recurrent layer without workgroup memory or barriers: first choice on software adapters.
//
// Like matmul's `register`: a thread keeps up to 8 rows of the batch (16 with shared loads) × one vec4 in registers, and adds one
// term of the sum at a time. The vec4 is all gates of a hidden unit (LSTM, GRU forward), or four neighbouring units; if there are
// many, a thread has two. The threads of a workgroup differ only in their units, so that all read the same state: compilers for
// CPUs load it once for all lanes or, if `shared`, each of four lanes of a subgroup loads a different term and broadcasts it.
// A dispatch before the first step writes the weight as [sum, vec4 of the thread], so that neighbouring threads read contiguously.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Variant } from '../../src/core/kernel.ts';
import { linearMain, once } from '../lib/grid.wgsl.ts';
import { termsFromLanes, LANE_BUILTIN, OWN_TERM } from '../lib/lanes.wgsl.ts';
import { lines, range } from '../lib/text.ts';
import { rowsOf } from '../matmul/matmul-register.wgsl.ts';
import { finishFunctions } from './recurrent-cell.wgsl.ts';
import { GATES, NO_STEP, perStep, productOf, type RecurrentShape, type RecurrentStep } from './recurrent-step.ts';

/** Terms of each sum, and vec4s of sums in a row of the batch. */
function sizesOf(s: RecurrentShape): { terms: number; vectors: number } {
  const terms = s.direction === 'forward' ? s.hidden : GATES[s.cell] * s.hidden;
  return { terms, vectors: productOf(s).sums > 1 ? s.hidden : Math.ceil(s.hidden / 4) };
}

/** Threads per workgroup, and vec4s of each, which are a workgroup's width apart. */
function threadsOf(s: RecurrentShape, shared: boolean): { lanes: number; each: number } {
  const { vectors } = sizesOf(s);
  // Every subgroup needs as many threads as lanes that load.
  if (shared) return { lanes: Math.min(32, Math.ceil(vectors / 4) * 4), each: 1 };
  return vectors < 64 ? { lanes: vectors, each: 1 } : { lanes: 32, each: 2 };
}

const blockRows = ({ batch }: RecurrentShape, shared: boolean): number => rowsOf(batch, shared ? 16 : 8);

/** Workgroups along the units. */
function columnsOf(s: RecurrentShape, shared: boolean): number {
  const { lanes, each } = threadsOf(s, shared);
  return Math.ceil(sizesOf(s).vectors / (lanes * each));
}

/** Writes the weight in the layout that a step reads, [terms, vectors]. */
function preparationText(s: RecurrentShape): string {
  const { terms, vectors } = sizesOf(s);
  const { sums } = productOf(s);
  const { hidden, direction } = s;
  const number = (c: number) => {
    if (c >= sums && sums > 1) return '0.0';
    if (sums > 1) return `f32(weight_hh[(${c * hidden}u + v) * ${hidden}u + k])`;
    const unit = `min(v * 4u + ${c}u, ${hidden - 1}u)`;
    return `f32(weight_hh[${direction === 'forward' ? `${unit} * ${hidden}u + k` : `k * ${hidden}u + ${unit}`}])`;
  };
  return wgsl`
${linearMain(terms * vectors)}
  let k = index / ${vectors}u;
  let v = index % ${vectors}u;
  prepared[index] = vec4<f32>(${range(4).map(number).join(', ')});
}
`;
}

/** A run of terms: `count` of them from `first` on, with state values at `from(row) + k` in `buffer`. */
interface Terms {
  readonly buffer: string;
  readonly first: number;
  readonly count: number;
  readonly from: (row: string) => string;
}

function addTerms(
  s: RecurrentShape,
  shared: boolean,
  rows: readonly number[],
  { buffer, first, count, from }: Terms,
): string {
  const start = (r: number) => `let start_${r} = ${from(`min(first_row + ${r}u, ${s.batch - 1}u)`)};`;
  const vecs = range(threadsOf(s, shared).each);
  const add = (q: number, value: (r: number) => string) =>
    lines([
      ...vecs.map((j) => `let four_${q}_${j} = prepared[(${first + q}u + k) * ${sizesOf(s).vectors}u + v_${j}];`),
      ...rows.map(
        (r) =>
          `let value_${q}_${r} = ${value(r)}; ${vecs.map((j) => `total_${r}_${j} += value_${q}_${r} * four_${q}_${j};`).join(' ')}`,
      ),
    ]);
  const load = (r: number, k: string) => `f32(${buffer}[start_${r} + ${k}])`;
  return wgsl`{
    ${rows.map(start).join('\n    ')}
    for (var k = 0u; k < ${count}u * once; k += ${shared ? 4 : 1}u) {
#if ${shared}
      ${lines(termsFromLanes(rows, load, add))}
#else
      ${add(0, (r) => load(r, 'k'))}
#endif
    }
  }`;
}

/** Adds the product of the state with the weight: of h[t-1] forward, of the gates' gradients at t+1 backward. */
function product(s: RecurrentShape, shared: boolean, rows: readonly number[]): string {
  const { batch, hidden, direction, cell } = s;
  const add = (terms: Terms) => addTerms(s, shared, rows, terms);
  const at = (row: string, width: number) => `(args[0].y * ${batch}u + ${row}) * ${width}u`;
  if (direction === 'forward') {
    const state = { first: 0, count: hidden };
    const start = add({ ...state, buffer: 'h0', from: (row) => `${row} * ${hidden}u` });
    const before = add({ ...state, buffer: 'y', from: (row) => at(row, hidden) });
    return `if (args[0].y == ${NO_STEP}u) ${start} else ${before}`;
  }
  const width = GATES[cell] * hidden;
  const ofGates = cell === 'gru' ? 2 * hidden : width;
  const gates = add({ buffer: 'dgates', first: 0, count: ofGates, from: (row) => at(row, width) });
  const rest = { buffer: 'dhidden_n', first: ofGates, count: hidden, from: (row: string) => at(row, hidden) };
  return `if (args[0].y != ${NO_STEP}u) {\n${gates}\n${cell === 'gru' ? add(rest) : ''}\n}`;
}

/** The variant `register`; `shared` if the lanes of a subgroup share the loads of the state. */
export function recurrentRegister(s: RecurrentShape, steps: readonly RecurrentStep[], shared: boolean): Variant {
  const { sums } = productOf(s);
  const { terms, vectors } = sizesOf(s);
  const rows = range(blockRows(s, shared));
  const { lanes, each } = threadsOf(s, shared);
  const columns = columnsOf(s, shared);
  const finish =
    sums > 1
      ? `finish(first_row + r, v, totals[i]${sums === 3 ? '.xyz' : ''});`
      : `for (var c = 0u; c < min(4u * once, ${s.hidden}u - v * 4u); c++) { finish(first_row + r, v * 4u + c, totals[i][c]); }`;
  const pairs = (line: (r: number, j: number) => string) => rows.flatMap((r) => range(each).map((j) => line(r, j)));
  const text = wgsl`
${finishFunctions(s)}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32${shared ? LANE_BUILTIN : ''}) {
  let place = group.y * groups.x + group.x;
  let first_row = (place / ${columns}u) * ${rows.length}u;
  let first = (place % ${columns}u) * ${lanes * each}u + local;
  if (first_row >= ${s.batch}u) { return; }
#if ${!shared}
  if (first >= ${vectors}u) { return; }
#endif
  ${once}
  ${shared ? OWN_TERM : ''}
  // Past the end the last one is computed again but not stored.
  ${range(each)
    .map((j) => `let v_${j} = min(first + ${j * lanes}u, ${vectors - 1}u);`)
    .join('\n  ')}
  ${pairs((r, j) => `var total_${r}_${j} = vec4<f32>();`).join('\n  ')}
  ${product(s, shared, rows)}
  var totals = array<vec4<f32>, ${rows.length * each}>(${pairs((r, j) => `total_${r}_${j}`).join(', ')});
  for (var i = 0u; i < min(${rows.length}u * once, ${s.batch}u - first_row) * ${each}u; i++) {
    let r = i / ${each}u;
    let v = first + i % ${each}u * ${lanes}u;
    if (v >= ${vectors}u) { continue; }
    ${finish}
  }
}
`;
  const groups = columns * Math.ceil(s.batch / rows.length);
  const preparation = { wgsl: preparationText(s), shape: [terms, vectors, 4] };
  return perStep(s, steps, 'register', {
    weight: s.element,
    wgsl: text,
    workgroups: linearGrid(groups, 1),
    preparation,
  });
}
