// One time step of a recurrent layer, forward or backward: a matrix product with the state, then the gates, in one dispatch.
//
// Forward:  h[t] from h[t-1] · weightᵀ and the gates' inputs, which one product has computed for all steps.
// Backward: the gates' gradients at t from those at t+1, by their product with the weight.
// The steps of a sequence are dispatches of the same WGSL; `args` tells which step a dispatch computes.
//
// Both products are sums over `depth` vec4s of a row of state times columns of the weight; a thread computes one hidden unit j
// (all of its gates).
// direct    one thread per element, weight read as stored: no preparation, for a single step.
// tiled     a first dispatch writes the weight as vec4s along the sum, contiguous in j; then workgroups of 64 j × 4 parts of the
//           sum compute up to 4 rows of the batch, whose state is in workgroup memory.
// register  without workgroup memory or barriers: recurrent-register.wgsl.ts.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type ElementType, type Variant } from '../../src/core/kernel.ts';
import { elements } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { finishFunctions, sumType } from './recurrent-cell.wgsl.ts';
import { GATES, NO_STEP, perStep, productOf, type RecurrentShape, type RecurrentStep } from './recurrent-step.ts';

/** True if the direct variant of the forward step reads the weight as vec4s. */
const vectorizedWeight = ({ direction, hidden, element }: RecurrentShape): boolean =>
  direction === 'forward' && hidden % 4 === 0 && element === 'f32';

const weightType = (s: RecurrentShape): ElementType => elements(s.element, vectorizedWeight(s));

/** The four positions of a vec4 in a row of `hidden`; past the end the last one, which is multiplied by a weight of 0. */
const inside = (hidden: number, position: string) =>
  [0, 1, 2, 3].map((i) => {
    const at = `${position} + ${i}u`;
    return hidden % 4 === 0 ? at : `min(${at}, ${hidden - 1}u)`;
  });

const four = (values: readonly string[]) => `vec4<f32>(${values.map((value) => `f32(${value})`).join(', ')})`;

/** weight(q, o, j): the q-th vec4 of the weights of sum o of hidden unit j; 0 past its end. */
function directWeight(s: RecurrentShape): string {
  const { hidden } = s;
  const vectors = Math.ceil(hidden / 4);
  const places = inside(hidden, 'start');
  const exists = `vec4<bool>(${[0, 1, 2, 3].map((i) => `start + ${i}u < ${hidden}u`).join(', ')})`;
  const masked = (value: string) => (hidden % 4 === 0 ? value : `select(vec4<f32>(0.0), ${value}, ${exists})`);
  if (vectorizedWeight(s)) {
    return `fn weight(q: u32, o: u32, j: u32) -> vec4<f32> { return weight_hh[(o * ${hidden}u + j) * ${vectors}u + q]; }`;
  }
  return s.direction === 'forward'
    ? wgsl`
fn weight(q: u32, o: u32, j: u32) -> vec4<f32> {
  let row = (o * ${hidden}u + j) * ${hidden}u;
  let start = q * 4u;
  return ${masked(four(places.map((k) => `weight_hh[row + ${k}]`)))};
}`
    : wgsl`
fn weight(q: u32, o: u32, j: u32) -> vec4<f32> {
  let gate = (q / ${vectors}u) * ${hidden}u;
  let start = (q % ${vectors}u) * 4u;
  return ${masked(four(places.map((k) => `weight_hh[(gate + ${k}) * ${hidden}u + j]`)))};
}`;
}

/** Writes the weight in the layout that the tiled variant reads: [depth, sums, hidden] vec4s. */
function preparationText(s: RecurrentShape): string {
  const { sums, depth } = productOf(s);
  return wgsl`
${directWeight(s)}
${linearMain(depth * sums * s.hidden)}
  let j = index % ${s.hidden}u;
  let o = (index / ${s.hidden}u) % ${sums}u;
  prepared[index] = weight(index / ${sums * s.hidden}u, o, j);
}
`;
}

const preparedWeight = (s: RecurrentShape) =>
  `fn weight(q: u32, o: u32, j: u32) -> vec4<f32> { return prepared[(q * ${productOf(s).sums}u + o) * ${s.hidden}u + j]; }`;

/** state(row, q): the q-th vec4 of a batch row's state: h[t-1] forward, the gates' gradients at t+1 backward. */
function stateFunction({ cell, direction, batch, hidden }: RecurrentShape): string {
  const places = inside(hidden, 'start');
  const load = (buffer: string, base: string) => four(places.map((k) => `${buffer}[${base} + ${k}]`));
  const vectors = Math.ceil(hidden / 4);
  const gates = GATES[cell];
  return direction === 'forward'
    ? wgsl`
fn state(row: u32, q: u32) -> vec4<f32> {
  let start = q * 4u;
  if (args[0].y == ${NO_STEP}u) { return ${load('h0', `row * ${hidden}u`)}; }
  let base = (args[0].y * ${batch}u + row) * ${hidden}u;
  return ${load('y', 'base')};
}`
    : wgsl`
fn state(row: u32, q: u32) -> vec4<f32> {
  let gate = q / ${vectors}u;
  let start = (q % ${vectors}u) * 4u;
  let at = args[0].y * ${batch}u + row;
#if ${cell === 'gru'}
  if (gate == 2u) {
    let hidden_base = at * ${hidden}u;
    return ${load('dhidden_n', 'hidden_base')};
  }
#endif
  let base = at * ${gates * hidden}u + gate * ${hidden}u;
  return ${load('dgates', 'base')};
}`;
}

/** The depth of a step's sums: 0 in the first backward dispatch, which has no step after it. */
const depthOf = (s: RecurrentShape) =>
  s.direction === 'forward' ? `${productOf(s).depth}u` : `select(${productOf(s).depth}u, 0u, args[0].y == ${NO_STEP}u)`;

/** Adds the products of one vec4 to the sums of each row; `stateOf(r)` is the row's vec4. */
function addProducts({ sums }: { sums: number }, rows: number, stateOf: (row: number) => string): string {
  const numbers = Array.from({ length: sums }, (_, o) => o);
  const weights = numbers.map((o) => `let w${o} = weight(q, ${o}u, column);`);
  const products = Array.from({ length: rows }, (_, r) => {
    const dots = numbers.map((o) => `dot(w${o}, s${r})`);
    return `let s${r} = ${stateOf(r)};\n    sum${r} += ${sums === 1 ? dots[0] : `${sumType(sums)}(${dots.join(', ')})`};`;
  });
  return [...weights, ...products].join('\n    ');
}

const declareSums = (sums: number, rows: number) =>
  Array.from({ length: rows }, (_, r) => `var sum${r} = ${sumType(sums)}(0.0);`).join('\n  ');

/** The variant `direct`. */
export function recurrentDirect(s: RecurrentShape, steps: readonly RecurrentStep[]): Variant {
  const product = productOf(s);
  const text = wgsl`
${directWeight(s)}
${stateFunction(s)}
${finishFunctions(s)}
${linearMain(s.batch * s.hidden)}
  let column = index % ${s.hidden}u;
  let row = index / ${s.hidden}u;
  let depth = ${depthOf(s)};
  ${declareSums(product.sums, 1)}
  for (var q = 0u; q < depth; q++) {
    ${addProducts(product, 1, () => 'state(row, q)')}
  }
  finish(row, column, sum0);
}
`;
  const workgroups = linearGrid(s.batch * s.hidden, LINEAR_WORKGROUP);
  return perStep(s, steps, 'direct', { weight: weightType(s), wgsl: text, workgroups });
}

/** In the tiled variant, hidden units and vec4s of state at a time per workgroup, and parts of the sum. */
const TILE = 64;
const PARTS = 4;

/** Rows of the batch per workgroup of the tiled variant. */
const tiledRows = ({ batch }: RecurrentShape): number => Math.min(batch, PARTS);

/** Workgroups of the tiled variant. */
const tiledGroups = (s: RecurrentShape): number => Math.ceil(s.hidden / TILE) * Math.ceil(s.batch / tiledRows(s));

/** The variant `tiled`: a workgroup computes `TILE` hidden units for a few rows, each sum split among `PARTS` threads. */
export function recurrentTiled(s: RecurrentShape, steps: readonly RecurrentStep[]): Variant {
  const rows = tiledRows(s);
  const product = productOf(s);
  const type = sumType(product.sums);
  const groups = tiledGroups(s);
  const columns = Math.ceil(s.hidden / TILE);
  const total = Array.from({ length: PARTS }, (_, part) => `partial[${part}][local.x]`).join(' + ');
  const gather = Array.from(
    { length: rows },
    (_, r) => wgsl`
  partial[local.y][local.x] = sum${r};
  workgroupBarrier();
  if (local.y == ${r}u) { total = ${total}; }
  workgroupBarrier();`,
  );
  const text = wgsl`
${preparedWeight(s)}
${stateFunction(s)}
${finishFunctions(s)}
var<workgroup> tile: array<array<vec4<f32>, ${TILE}>, ${rows}>;
var<workgroup> partial: array<array<${type}, ${TILE}>, ${PARTS}>;

@compute @workgroup_size(${TILE}, ${PARTS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  // A folded grid may have surplus workgroups: they compute the last tile again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let place = min(wanted, ${groups - 1}u);
  let j = (place % ${columns}u) * ${TILE}u + local.x;
  let column = min(j, ${s.hidden - 1}u);
  let first_row = (place / ${columns}u) * ${rows}u;
  let depth = ${depthOf(s)};
  ${declareSums(product.sums, rows)}
  for (var base = 0u; base < depth; base += ${TILE}u) {
    if (local.y < ${rows}u && base + local.x < depth) {
      tile[local.y][local.x] = state(min(first_row + local.y, ${s.batch - 1}u), base + local.x);
    }
    workgroupBarrier();
    let count = min(${TILE}u, depth - base);
    for (var i = local.y; i < count; i += ${PARTS}u) {
      let q = base + i;
      ${addProducts(product, rows, (r) => `tile[${r}][i]`)}
    }
    workgroupBarrier();
  }
  // Threads of part r add up row r and finish it.
  var total = ${type}(0.0);
  ${gather.join('')}
  let row = first_row + local.y;
  if (local.y < ${rows}u && row < ${s.batch}u && j < ${s.hidden}u && wanted == place) { finish(row, j, total); }
}
`;
  const preparation = { wgsl: preparationText(s), shape: [product.depth, product.sums, s.hidden, 4] };
  return perStep(s, steps, 'tiled', {
    weight: weightType(s),
    wgsl: text,
    workgroups: linearGrid(groups, 1),
    preparation,
  });
}
