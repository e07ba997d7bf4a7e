// Scans along one axis: running sums, and the recurrence s[i] = a[i] · s[i-1] + b[i], on which running products are based.
//
// An item is the effect of a stretch of a row on the state before it: a number to add or, for the recurrence, the pair (A, B)
// of s → A·s + B (Blelloch, "Prefix sums and their applications", 1990). Two stretches combine into one item.
//
// serial  one thread per row: no barrier, best on software adapters and if there are enough rows.
// group   one workgroup per row, in tiles of 1024 items: four per thread, then doubling in workgroup memory.
// chunks  for few long rows: a first dispatch writes one item for each chunk of a row, a second scans each chunk starting
//         from the items of the chunks before it.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type ElementType, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { rowStart, type RowsShape } from '../lib/rows.wgsl.ts';

const SCAN_WORKGROUP = 256;
const PER_THREAD = 4;
/** Items that a workgroup scans at a time. */
export const SCAN_TILE = SCAN_WORKGROUP * PER_THREAD;

export interface ScanShape extends RowsShape {
  /** `sum` reads x; `recurrence`, in f32, reads a and b. */
  readonly kind: 'sum' | 'recurrence';
  readonly reverse: boolean;
  /** True if each result excludes its own item. */
  readonly exclusive: boolean;
  /** The types of computation, of inputs, and of the output. */
  readonly type: 'f32' | 'i32' | 'u32';
  readonly given: readonly ElementType[];
  readonly stored: ElementType;
}

const nameOf = ({ kind }: ScanShape, variant: string) => `${kind === 'sum' ? 'cumsum' : kind}.${variant}`;
const inputsOf = ({ kind, given }: ScanShape): Binding[] =>
  (kind === 'sum' ? ['x'] : ['a', 'b']).map((name, i) => ({ name, type: given[i] }));
const output = ({ stored }: ScanShape): Binding => stores('y', stored);

const itemType = ({ kind, type }: ScanShape) => (kind === 'sum' ? type : 'vec2<f32>');
const identity = ({ kind, type }: ScanShape) => (kind === 'sum' ? `${type}(0)` : 'vec2<f32>(1.0, 0.0)');

/** How items are loaded, combined and turned into results. `place` is the offset of item i of the row that begins at `start`. */
const items = (s: ScanShape) => wgsl`
#if ${s.kind === 'sum'}
fn load(at: u32) -> ${itemType(s)} { return ${s.type}(x[at]); }
fn combine(first: ${itemType(s)}, second: ${itemType(s)}) -> ${itemType(s)} { return first + second; }
fn finish(item: ${itemType(s)}) -> ${s.stored} { return ${s.stored}(item); }
#else
fn load(at: u32) -> vec2<f32> { return vec2<f32>(f32(a[at]), f32(b[at])); }
fn combine(first: vec2<f32>, second: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(first.x * second.x, second.x * first.y + second.y);
}
fn finish(item: vec2<f32>) -> ${s.stored} { return ${s.stored}(item.y); }
#endif
fn place(start: u32, i: u32) -> u32 {
  return start + ${s.reverse ? `(${s.length - 1}u - i)` : 'i'} * ${s.stride}u;
}
`;

/** The variant `serial`. */
export const scanSerial = (s: ScanShape): Kernel => ({
  name: nameOf(s, 'serial'),
  inputs: inputsOf(s),
  outputs: [output(s)],
  workgroups: linearGrid(s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
${items(s)}
${linearMain(s.rows)}
  let start = ${rowStart(s, 'index')};
  var state = ${identity(s)};
  for (var i = 0u; i < ${turns(s.length)}; i++) {
    let at = place(start, i);
    let item = load(at);
#if ${s.exclusive}
    store_y(at, finish(state));
    state = combine(state, item);
#else
    state = combine(state, item);
    store_y(at, finish(state));
#endif
  }
}
`,
});

/** How a row is split into chunks, and which of the two dispatches this is. A single chunk needs no totals. */
interface ScanChunks {
  readonly count: number;
  /** Items per chunk: a multiple of `SCAN_TILE` if there are several chunks. */
  readonly length: number;
  readonly pass: 'totals' | 'results';
}

/** How items are stored in `totals`: those of the recurrence as two numbers. */
const totals = (s: ScanShape) =>
  s.kind === 'sum'
    ? { load: 'totals[i]', store: 'totals[chunk] = carry;' }
    : {
        load: 'vec2<f32>(totals[2u * i], totals[2u * i + 1u])',
        store: 'totals[2u * chunk] = carry.x; totals[2u * chunk + 1u] = carry.y;',
      };

/** The variant `group`. */
export const scanGroup = (s: ScanShape): Kernel => ({
  name: nameOf(s, 'group'),
  inputs: inputsOf(s),
  outputs: [output(s)],
  workgroups: linearGrid(s.rows, 1),
  wgsl: groupText(s, { count: 1, length: s.length, pass: 'results' }),
});

/** Most chunks per row: each reads the totals of all before it. */
export const MOST_CHUNKS = 64;

/** The variant `chunks`. */
export function scanChunks(s: ScanShape): Variant {
  const length = Math.ceil(s.length / MOST_CHUNKS / SCAN_TILE) * SCAN_TILE;
  const count = Math.ceil(s.length / length);
  const pass = (name: ScanChunks['pass']): Kernel => ({
    name: nameOf(s, `chunk-${name}`),
    inputs: [...inputsOf(s), { name: 'totals', type: s.type }],
    outputs: [name === 'totals' ? null : output(s)],
    workgroups: linearGrid(s.rows * count, 1),
    wgsl: groupText(s, { count, length, pass: name }),
  });
  return {
    name: 'chunks',
    kernels: [pass('totals'), pass('results')],
    scratch: [{ shape: [s.rows, count, s.kind === 'sum' ? 1 : 2], dtype: s.type }],
  };
}

const groupText = (s: ScanShape, chunks: ScanChunks): string => wgsl`
${items(s)}
var<workgroup> shared_items: array<${itemType(s)}, ${SCAN_WORKGROUP}>;

@compute @workgroup_size(${SCAN_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid may have surplus workgroups: they compute the last chunk again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let chunk = min(wanted, ${s.rows * chunks.count - 1}u);
  let stores = wanted == chunk;
  let row = chunk / ${chunks.count}u;
  let begin = (chunk % ${chunks.count}u) * ${chunks.length}u;
  let start = ${rowStart(s)};
  var carry = ${identity(s)};
#if ${chunks.count > 1 && chunks.pass === 'results'}
  for (var i = row * ${chunks.count}u; i < chunk; i++) { carry = combine(carry, ${totals(s).load}); }
#endif
  for (var tile = 0u; tile < ${chunks.length}u; tile += ${SCAN_TILE}u) {
    let first = begin + tile + local * ${PER_THREAD}u;
    var own: array<${itemType(s)}, ${PER_THREAD}>;
    var total = ${identity(s)};
    for (var k = 0u; k < ${PER_THREAD}u; k++) {
      own[k] = ${identity(s)};
      if (first + k < ${s.length}u) { own[k] = load(place(start, first + k)); }
      total = combine(total, own[k]);
    }
    shared_items[local] = total;
    for (var distance = 1u; distance < ${SCAN_WORKGROUP}u; distance <<= 1u) {
      workgroupBarrier();
      if (local >= distance) { total = combine(shared_items[local - distance], total); }
      workgroupBarrier();
      shared_items[local] = total;
    }
    workgroupBarrier();
#if ${chunks.pass === 'results'}
    var state = carry;
    if (local > 0u) { state = combine(carry, shared_items[local - 1u]); }
    for (var k = 0u; k < ${PER_THREAD}u; k++) {
      let next = combine(state, own[k]);
      if (stores && first + k < ${s.length}u) {
        store_y(place(start, first + k), finish(${s.exclusive ? 'state' : 'next'}));
      }
      state = next;
    }
#endif
    carry = combine(carry, shared_items[${SCAN_WORKGROUP - 1}u]);
    workgroupBarrier();
  }
#if ${chunks.pass === 'totals'}
  if (stores && local == 0u) { ${totals(s).store} }
#endif
}
`;
