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
import { linearGrid, type Binding, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { elements } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';

/** Elman's network with tanh or relu; long short-term memory; gated recurrent unit. */
export type Cell = 'rnnTanh' | 'rnnRelu' | 'lstm' | 'gru';

/** Rows of the weight per hidden unit: in torch's order i, f, g, o and r, z, n. */
export const GATES: Readonly<Record<Cell, number>> = { rnnTanh: 1, rnnRelu: 1, lstm: 4, gru: 3 };

/** In `args`, stands for a step before the first or after the last. */
export const NO_STEP = 2 ** 32 - 1;

export interface RecurrentShape {
  readonly cell: Cell;
  readonly direction: 'forward' | 'backward';
  readonly batch: number;
  readonly hidden: number;
  /** Type of floats in memory. */
  readonly element: 'f32' | 'f16';
  /** The buffer with the inputs of the step's elements: the output itself, if computed in place. */
  readonly source: string;
  /** Backward: whether the cell states have a gradient of their own. */
  readonly cellGradient?: boolean;
}

/** Sums per thread and row, and the number of vec4s in each. */
export function productOf({ cell, direction, hidden }: RecurrentShape): { sums: number; depth: number } {
  const vectors = Math.ceil(hidden / 4);
  return direction === 'forward' ? { sums: GATES[cell], depth: vectors } : { sums: 1, depth: vectors * GATES[cell] };
}

/** True if the direct variant of the forward step reads the weight as vec4s. */
const vectorizedWeight = ({ direction, hidden, element }: RecurrentShape): boolean =>
  direction === 'forward' && hidden % 4 === 0 && element === 'f32';

const weightType = (s: RecurrentShape): Binding['type'] => elements(s.element, vectorizedWeight(s));

/** Bindings of a sequence's dispatches, and the step of each. */
export interface RecurrentSequence {
  /** The inputs after the weight; null for one that an output overwrites in place. */
  readonly inputs: readonly (Binding | null)[];
  readonly outputs: readonly Binding[];
  /** The arguments of each dispatch, in order. */
  readonly steps: readonly (readonly number[])[];
}

/** A dispatch before the first step that writes the weight in the layout that a variant reads. */
interface Preparation {
  readonly wgsl: string;
  /** Binding type of the stored weight. */
  readonly weight: Binding['type'];
  /** Shape of what it writes, in f32: one vec4 per thread. */
  readonly shape: readonly number[];
}

/** A variant with one dispatch per step, all of the same WGSL, and one before them if the weight is prepared. */
export function perStep(
  s: RecurrentShape,
  { inputs, outputs, steps }: RecurrentSequence,
  name: string,
  text: string,
  workgroups: Kernel['workgroups'],
  preparation?: Preparation,
): Variant {
  const prefix = `${s.direction === 'forward' ? 'recurrent' : 'recurrentGrad'}.${s.cell}`;
  const stored = (type: Binding['type']): Binding => ({ name: 'weight_hh', type });
  const prepared: Binding = { name: 'prepared', type: 'vec4<f32>' };
  const dispatches = steps.map((step): Kernel => ({
    name: `${prefix}.${name}`,
    inputs: preparation ? [null, ...inputs, prepared] : [stored(weightType(s)), ...inputs],
    outputs,
    workgroups,
    arguments: step,
    wgsl: text,
  }));
  if (!preparation) return { name, kernels: dispatches };
  const { wgsl: prepare, weight, shape } = preparation;
  const first: Kernel = {
    name: `${prefix}.prepare`,
    inputs: [stored(weight), ...inputs.map(() => null), prepared],
    outputs: outputs.map(() => null),
    workgroups: linearGrid(shape.reduce((size, dim) => size * dim, 1) / 4, LINEAR_WORKGROUP),
    wgsl: prepare,
  };
  return { name, kernels: [first, ...dispatches], scratch: [{ shape, dtype: 'f32' }] };
}

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

const sigmoidFunction = 'fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-clamp(x, -87.0, 87.0))); }';
// Past 9 tanh is 1 in f32, and past 88 some drivers return NaN.
const tanhFunction = 'fn tanh_of(x: f32) -> f32 { return tanh(clamp(x, -15.0, 15.0)); }';

/** finish(row, j, sum): computes the gates of one element and the step's results. */
function finishForward({ cell, batch, hidden, element, source }: RecurrentShape): string {
  const gate = (g: number) => `f32(${source}[gates_at + ${g * hidden}u])`;
  const body = {
    rnnTanh: `y[at] = ${element}(tanh_of(${gate(0)} + sum));`,
    rnnRelu: `y[at] = ${element}(max(${gate(0)} + sum, 0.0));`,
    lstm: wgsl`
  let i = sigmoid(${gate(0)} + sum.x);
  let f = sigmoid(${gate(1)} + sum.y);
  let g = tanh_of(${gate(2)} + sum.z);
  let o = sigmoid(${gate(3)} + sum.w);
  var before = 0.0;
  if (args[0].y == ${NO_STEP}u) { before = f32(c0[row * ${hidden}u + j]); } else { before = f32(cells[before_at]); }
  let c = f * before + i * g;
  activated[gates_at] = ${element}(i);
  activated[gates_at + ${hidden}u] = ${element}(f);
  activated[gates_at + ${2 * hidden}u] = ${element}(g);
  activated[gates_at + ${3 * hidden}u] = ${element}(o);
  cells[at] = ${element}(c);
  y[at] = ${element}(o * tanh_of(c));`,
    gru: wgsl`
  let r = sigmoid(${gate(0)} + sum.x);
  let z = sigmoid(${gate(1)} + sum.y);
  let from_hidden = sum.z + f32(bias_n[j]);
  let n = tanh_of(${gate(2)} + r * from_hidden);
  var before = 0.0;
  if (args[0].y == ${NO_STEP}u) { before = f32(h0[row * ${hidden}u + j]); } else { before = f32(y[before_at]); }
  activated[gates_at] = ${element}(r);
  activated[gates_at + ${hidden}u] = ${element}(z);
  activated[gates_at + ${2 * hidden}u] = ${element}(n);
  hidden_n[at] = ${element}(from_hidden);
  y[at] = ${element}(n + z * (before - n));`,
  };
  return wgsl`
${sigmoidFunction}
${tanhFunction}
fn finish(row: u32, j: u32, sum: ${sumType(GATES[cell])}) {
  let at = (args[0].x * ${batch}u + row) * ${hidden}u + j;
  let gates_at = (args[0].x * ${batch}u + row) * ${GATES[cell] * hidden}u + j;
  let before_at = (args[0].y * ${batch}u + row) * ${hidden}u + j;
  ${body[cell]}
}`;
}

/** finish(row, j, sum): computes the gradients of one element's gates, and of the state that bypasses the product. */
function finishBackward({ cell, batch, hidden, element, source, cellGradient }: RecurrentShape): string {
  const gate = (g: number) => `f32(${source}[gates_at + ${g * hidden}u])`;
  const body = {
    rnnTanh: `let h = ${gate(0)};\n  dgates[at] = ${element}(dh * (1.0 - h * h));`,
    rnnRelu: `dgates[at] = ${element}(select(0.0, dh, ${gate(0)} > 0.0));`,
    lstm: wgsl`
  let i = ${gate(0)};
  let f = ${gate(1)};
  let g = ${gate(2)};
  let o = ${gate(3)};
  var before = 0.0;
  if (args[0].z == ${NO_STEP}u) { before = f32(c0[carry_at]); } else { before = f32(cells[before_at]); }
  let squashed = tanh_of(f32(cells[at]));
  let dc = carried + ${cellGradient ? 'f32(dcells[at])' : '0.0'} + dh * o * (1.0 - squashed * squashed);
  dgates[gates_at] = ${element}(dc * g * i * (1.0 - i));
  dgates[gates_at + ${hidden}u] = ${element}(dc * before * f * (1.0 - f));
  dgates[gates_at + ${2 * hidden}u] = ${element}(dc * i * (1.0 - g * g));
  dgates[gates_at + ${3 * hidden}u] = ${element}(dh * squashed * o * (1.0 - o));
  carry[carry_at] = dc * f;`,
    gru: wgsl`
  let r = ${gate(0)};
  let z = ${gate(1)};
  let n = ${gate(2)};
  let dstate = dh + carried;
  let dn = dstate * (1.0 - z) * (1.0 - n * n);
  dgates[gates_at] = ${element}(dn * f32(hidden_n[at]) * r * (1.0 - r));
  dgates[gates_at + ${hidden}u] = ${element}(dstate * (f32(previous[at]) - n) * z * (1.0 - z));
  dgates[gates_at + ${2 * hidden}u] = ${element}(dn);
  dhidden_n[at] = ${element}(dn * r);
  carry[carry_at] = dstate * z;`,
  };
  return wgsl`
${tanhFunction}
fn finish(row: u32, j: u32, sum: f32) {
  let at = (args[0].x * ${batch}u + row) * ${hidden}u + j;
  let gates_at = (args[0].x * ${batch}u + row) * ${GATES[cell] * hidden}u + j;
  let before_at = (args[0].z * ${batch}u + row) * ${hidden}u + j;
  let dh = f32(dy[at]) + sum;
#if ${GATES[cell] > 1}
  let carry_at = row * ${hidden}u + j;
  var carried = 0.0;
  if (args[0].y != ${NO_STEP}u) { carried = carry[carry_at]; }
#endif
  ${body[cell]}
}`;
}

/** `finish(row, j, sum)`, which computes a step's results from its sums. */
export const finishFunctions = (s: RecurrentShape): string =>
  s.direction === 'forward' ? finishForward(s) : finishBackward(s);

const sumType = (sums: number) => (sums === 1 ? 'f32' : `vec${sums}<f32>`);

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
export function recurrentDirect(s: RecurrentShape, sequence: RecurrentSequence): Variant {
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
  return perStep(s, sequence, 'direct', text, linearGrid(s.batch * s.hidden, LINEAR_WORKGROUP));
}

/** In the tiled variant, hidden units and vec4s of state at a time per workgroup, and parts of the sum. */
const TILE = 64;
const PARTS = 4;

/** Rows of the batch per workgroup of the tiled variant. */
const tiledRows = ({ batch }: RecurrentShape): number => Math.min(batch, PARTS);

/** Workgroups of the tiled variant. */
const tiledGroups = (s: RecurrentShape): number => Math.ceil(s.hidden / TILE) * Math.ceil(s.batch / tiledRows(s));

/** The variant `tiled`: a workgroup computes `TILE` hidden units for a few rows, each sum split among `PARTS` threads. */
export function recurrentTiled(s: RecurrentShape, sequence: RecurrentSequence): Variant {
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
  return perStep(s, sequence, 'tiled', text, linearGrid(groups, 1), {
    wgsl: preparationText(s),
    weight: weightType(s),
    shape: [product.depth, product.sums, s.hidden, 4],
  });
}
