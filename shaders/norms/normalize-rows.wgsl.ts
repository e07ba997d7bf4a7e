// Rows normalized to mean 0 and variance 1 (or mean square 1), with weight and bias; and the gradient.
//
// The sums are over differences to the row's first value (the pivot), so that precision is not lost if the mean is large.
// The backward kernel recomputes mean and deviation from x, which it reads anyway, so that nothing is kept between the two.
//
// serial  one thread per row: no barrier, best on software adapters.
// tree    one workgroup per row, whose threads keep their part of x (and of the gradient) in registers if it fits: memory is
//         read once; `subgroup` does this with subgroups (lib/group-reduce.wgsl.ts).
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Kernel } from '../../src/core/kernel.ts';
import { reads, stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { groupReduce, groupScratch, type GroupReduceBy } from '../lib/group-reduce.wgsl.ts';
import { stridedOffset } from '../lib/index.wgsl.ts';
import { f32Literal } from '../lib/literal.wgsl.ts';
import { addUp } from '../lib/rows.wgsl.ts';

/** Most values of each tensor that a thread of the tree variant keeps in registers. */
const MOST_REGISTERS = 16;

export interface NormalizeShape {
  readonly rows: number;
  /** Values per row, which are contiguous. */
  readonly length: number;
  /** False does not subtract the mean: the row is divided by its root mean square. */
  readonly center: boolean;
  readonly epsilon: number;
  /** The type of all inputs and outputs. */
  readonly type: 'f32' | 'f16';
  /** Shape of x, and strides of weight and bias broadcast to it; null without them, as always in the gradient. */
  readonly shape: readonly number[];
  readonly weight: readonly number[] | null;
  readonly bias: readonly number[] | null;
}

/** What one of the two kernels binds, and computes for each row. */
interface RowKernel {
  readonly op: string;
  readonly inputs: (s: NormalizeShape) => readonly string[];
  readonly output: string;
  /** The type of the sums over a row. */
  readonly sum: 'f32' | 'vec2<f32>';
  /** Computes and stores the row's results, given `start`, `lane` and `stores`. */
  readonly body: (s: NormalizeShape, lanes: Lanes) => string;
}

/** Threads per workgroup of the tree variant for rows of `length`. */
const normalizeWorkgroup = (length: number): number => (length <= 1024 ? 64 : length <= 2048 ? 128 : 256);

/** How the values of a row are distributed over threads. */
interface Lanes {
  readonly threads: number;
  readonly registers: boolean;
}

/** A loop over this thread's values of the row; `body` may use the offset `at` and, in registers, the index `i`. */
const forEach = ({ length }: NormalizeShape, { threads, registers }: Lanes, body: string) => wgsl`
#if ${registers}
  for (var i = 0u; i < ${Math.ceil(length / threads)}u; i++) {
    let inRow = lane + i * ${threads}u;
    if (inRow < ${length}u) {
      let at = start + inRow;
      ${body}
    }
  }
#else
  for (var inRow = lane; inRow < ${threads === 1 ? turns(length) : `${length}u`}; inRow += ${threads}u) {
    let at = start + inRow;
    ${body}
  }
#endif
`;

/** Adds `value` for each of this thread's values of the row to `total`, of `type`; see `forEach`. */
const sumEach = (s: NormalizeShape, lanes: Lanes, type: string, value: string): string =>
  lanes.threads === 1
    ? addUp(s.length, value, { type, i: 'inRow', statements: 'let at = start + inRow;' })
    : forEach(s, lanes, `total += ${value};`);

function forwardBody(s: NormalizeShape, lanes: Lanes): string {
  const { length, center, epsilon, type } = s;
  const at = (strides: readonly number[]) => stridedOffset('at', s.shape, strides);
  const held = lanes.registers ? 'held[i]' : s.center ? '(f32(x[at]) - pivot)' : 'f32(x[at])';
  const centred = `(${held}${center ? ' - mean' : ''})`;
  const normal = `${centred} * scale`;
  const scaled = s.weight ? `${normal} * f32(weight[${at(s.weight)}])` : normal;
  const value = s.bias ? `${scaled} + f32(bias[${at(s.bias)}])` : scaled;
  return wgsl`
  var total = 0.0;
#if ${center}
  let pivot = f32(x[start]);
#endif
#if ${lanes.registers}
  var held: array<f32, ${Math.ceil(length / lanes.threads)}>;
  ${forEach(s, lanes, `held[i] = f32(x[at])${center ? ' - pivot' : ''};`)}
#endif
#if ${center}
  ${sumEach(s, lanes, 'f32', held)}
  let mean = row_sum(lane, total) / ${length}.0;
  total = 0.0;
#endif
  ${sumEach(s, lanes, 'f32', `${centred} * ${centred}`)}
  let scale = inverseSqrt(row_sum(lane, total) / ${length}.0 + ${f32Literal(epsilon)});
  if (stores) {
    ${forEach(s, lanes, `store_y(at, ${type}(${value}));`)}
  }
`;
}

/** With c = x - mean(x): dx = scale · (g - mean(g) - c · scale² · mean(g · c)); without centering both means are 0. */
function backwardBody(s: NormalizeShape, lanes: Lanes): string {
  const { length, center, epsilon, type } = s;
  const { registers } = lanes;
  const perThread = Math.ceil(length / lanes.threads);
  const held = registers ? 'held[i]' : s.center ? '(f32(x[at]) - pivot)' : 'f32(x[at])';
  const gradient = registers ? 'gradients[i]' : 'f32(g[at])';
  const centred = center ? `(${held} - means.x)` : held;
  return wgsl`
  var total = vec2<f32>(0.0, 0.0);
#if ${center}
  let pivot = f32(x[start]);
#endif
#if ${registers}
  var held: array<f32, ${perThread}>;
  var gradients: array<f32, ${perThread}>;
  ${forEach(s, lanes, `held[i] = f32(x[at])${center ? ' - pivot' : ''}; gradients[i] = f32(g[at]);`)}
#endif
#if ${center}
  ${sumEach(s, lanes, 'vec2<f32>', `vec2<f32>(${held}, ${gradient})`)}
  let means = row_sum(lane, total) / ${length}.0;
  total = vec2<f32>(0.0, 0.0);
#endif
  ${sumEach(s, lanes, 'vec2<f32>', `${centred} * vec2<f32>(${centred}, ${gradient})`)}
  let products = row_sum(lane, total) / ${length}.0;
  let scale = inverseSqrt(products.x + ${f32Literal(epsilon)});
  let slope = scale * scale * products.y;
  if (stores) {
    ${forEach(s, lanes, `store_dx(at, ${type}(scale * (${gradient}${center ? ' - means.y' : ''} - ${centred} * slope)));`)}
  }
`;
}

const forward: RowKernel = {
  op: 'normalizeRows',
  inputs: ({ weight, bias }) => ['x', ...(weight ? ['weight'] : []), ...(bias ? ['bias'] : [])],
  output: 'y',
  sum: 'f32',
  body: forwardBody,
};

const backward: RowKernel = {
  op: 'normalizeRowsGrad',
  inputs: () => ['x', 'g'],
  output: 'dx',
  sum: 'vec2<f32>',
  body: backwardBody,
};

const bound = ({ op, inputs, output }: RowKernel, s: NormalizeShape, variant: string) => ({
  name: `${op}.${variant}`,
  inputs: reads(s.type, ...inputs(s)),
  outputs: [stores(output, s.type)],
});

const serial = (k: RowKernel, s: NormalizeShape): Kernel => ({
  ...bound(k, s, 'serial'),
  workgroups: linearGrid(s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
fn row_sum(lane: u32, value: ${k.sum}) -> ${k.sum} { return value; }
${linearMain(s.rows)}
  let lane = 0u;
  let stores = true;
  let start = index * ${s.length}u;
  ${k.body(s, { threads: 1, registers: false })}
}
`,
});

function groups(k: RowKernel, s: NormalizeShape, by: GroupReduceBy): Kernel {
  const threads = normalizeWorkgroup(s.length);
  const text = wgsl`
${groupScratch({ type: k.sum, threads })}
${groupReduce({ name: 'row_sum', type: k.sum, threads, combine: 'a + b', identity: `${k.sum}()` }, by)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  // A folded grid may have surplus workgroups: they compute the last row again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  let stores = wanted == row;
  let start = row * ${s.length}u;
  ${k.body(s, { threads, registers: Math.ceil(s.length / threads) <= MOST_REGISTERS })}
}
`;
  return { ...bound(k, s, by), workgroups: linearGrid(s.rows, 1), wgsl: text };
}

/** The variant `serial`. */
export const normalizeRowsSerial = (s: NormalizeShape): Kernel => serial(forward, s);
export const normalizeRowsGradSerial = (s: NormalizeShape): Kernel => serial(backward, s);

/** The variants `tree` and `subgroup`. */
export const normalizeRowsGroups = (s: NormalizeShape, by: GroupReduceBy): Kernel => groups(forward, s, by);
export const normalizeRowsGradGroups = (s: NormalizeShape, by: GroupReduceBy): Kernel => groups(backward, s, by);
