// Rows normalized to mean 0 and variance 1 (or mean square 1), with weight and bias; and the gradient.
//
// The sums are over differences to the row's first value (the pivot), so that precision is not lost if the mean is large.
// The backward kernel recomputes mean and deviation from x, which it reads anyway, so that nothing is kept between the two.
//
// serial  one thread per row: no barrier, best on software adapters.
// tree    one workgroup per row, whose threads keep their part of x (and of the gradient) in registers if it fits: memory is
//         read once; `subgroup` does this with subgroups (lib/group-reduce.wgsl.ts).
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type ElementType, type Kernel } from '../../src/core/kernel.ts';
import { stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { groupReduce, groupScratch, type GroupReduceBy } from '../lib/group-reduce.wgsl.ts';
import { f32Literal } from '../lib/literal.wgsl.ts';
import { addUp } from '../lib/rows.wgsl.ts';

/** Most values of each tensor that a thread of the tree variant keeps in registers. */
const MOST_REGISTERS = 16;

export interface NormalizeShape {
  readonly op: 'normalizeRows' | 'normalizeRowsGrad';
  /** x, then weight and bias if present; or x and g. */
  readonly inputs: readonly Binding[];
  readonly rows: number;
  /** Values per row, which are contiguous. */
  readonly length: number;
  /** False does not subtract the mean: the row is divided by its root mean square. */
  readonly center: boolean;
  readonly epsilon: number;
  /** The type in which y is stored. */
  readonly type: ElementType;
  /** Offsets of weight and bias for the element at `at`; null without them. */
  readonly weightAt?: string | null;
  readonly biasAt?: string | null;
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

/** Computes and stores the row's results, given `start`, `lane` and `stores`. */
function forwardBody(s: NormalizeShape, lanes: Lanes): string {
  const { length, center, epsilon, type, weightAt, biasAt } = s;
  const held = lanes.registers ? 'held[i]' : s.center ? '(f32(x[at]) - pivot)' : 'f32(x[at])';
  const centred = `(${held}${center ? ' - mean' : ''})`;
  const normal = `${centred} * scale`;
  const scaled = weightAt ? `${normal} * f32(weight[${weightAt}])` : normal;
  const value = biasAt ? `${scaled} + f32(bias[${biasAt}])` : scaled;
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

function serialText(s: NormalizeShape, type: string, body: (s: NormalizeShape, lanes: Lanes) => string): string {
  return wgsl`
fn row_sum(lane: u32, value: ${type}) -> ${type} { return value; }
${linearMain(s.rows)}
  let lane = 0u;
  let stores = true;
  let start = index * ${s.length}u;
  ${body(s, { threads: 1, registers: false })}
}
`;
}

function groupText(
  s: NormalizeShape,
  type: string,
  body: (s: NormalizeShape, lanes: Lanes) => string,
  by: GroupReduceBy,
): string {
  const threads = normalizeWorkgroup(s.length);
  return wgsl`
${groupScratch({ type, threads })}
${groupReduce({ name: 'row_sum', type, threads, combine: 'a + b', identity: `${type}()` }, by)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  // A folded grid may have surplus workgroups: they compute the last row again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  let stores = wanted == row;
  let start = row * ${s.length}u;
  ${body(s, { threads, registers: Math.ceil(s.length / threads) <= MOST_REGISTERS })}
}
`;
}

/** One of the two kernels with its bindings and grid. */
const kernel = (s: NormalizeShape, variant: string, groupSize: number, text: string): Kernel => ({
  name: `${s.op}.${variant}`,
  inputs: s.inputs,
  outputs: [stores(s.op === 'normalizeRows' ? 'y' : 'dx', s.type)],
  workgroups: linearGrid(s.rows, groupSize),
  wgsl: text,
});

/** The variant `serial`. */
export const normalizeSerial = (s: NormalizeShape): Kernel =>
  kernel(
    s,
    'serial',
    LINEAR_WORKGROUP,
    s.op === 'normalizeRows' ? serialText(s, 'f32', forwardBody) : serialText(s, 'vec2<f32>', backwardBody),
  );

/** The variants `tree` and `subgroup`. */
export const normalizeGroups = (s: NormalizeShape, by: GroupReduceBy): Kernel =>
  kernel(
    s,
    by,
    1,
    s.op === 'normalizeRows' ? groupText(s, 'f32', forwardBody, by) : groupText(s, 'vec2<f32>', backwardBody, by),
  );
