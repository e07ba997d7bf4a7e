// Sorts each row along one axis, and outputs the original positions of its values: all of them or the first few.
//
// A stable merge sort. `runs` of a row are sorted first; then each dispatch merges pairs of runs into one of twice the width:
// every element finds its place by a binary search in the other run. Runs keep no more elements than are wanted, so that the
// few largest of a long row cost little. Elements are pairs of key and position, so no two are equal.
//
// serial  runs of 16 by insertion, one thread per run: no barrier, best on software adapters and for short rows.
// group   runs of up to 1024 by a bitonic network in workgroup memory (Batcher, 1968), one workgroup per run.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type ElementType, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { orderKey } from '../lib/order.wgsl.ts';
import { rowStart, type RowsShape } from '../lib/rows.wgsl.ts';

/** Elements that a thread sorts, and the most that a workgroup sorts. */
export const SERIAL_RUN = 16;
const GROUP_RUN = 1024;

export interface SortShape extends RowsShape {
  /** The type of comparison, and that of x in memory. */
  readonly type: 'f32' | 'i32' | 'u32';
  readonly given: ElementType;
  readonly descending: boolean;
  /** Number of positions wanted of each row. */
  readonly count: number;
}

/** How rows are sorted. */
interface MergeSort extends SortShape {
  /** Elements of each initial run, how many of them it keeps, and runs per row. */
  readonly run: number;
  readonly kept: number;
  readonly runs: number;
  readonly passes: readonly MergePass[];
  /** Elements per row in each half of `pairs`: dispatches read one half and write the other. */
  readonly space: number;
}

/** What differs between the dispatches that merge: they share a pipeline. */
interface MergePass {
  /** Elements of x in a run, how many of them it keeps, and how many a merged run will keep. */
  readonly width: number;
  readonly held: number;
  readonly next: number;
  readonly runs: number;
  /** Half of `pairs` that is read. */
  readonly half: 0 | 1;
}

/** Functions shared by both kernels that sort runs. */
const keysAndStore = (s: MergeSort) => wgsl`
${orderKey(s.type)}
fn key_at(start: u32, i: u32) -> u32 {
  return ${s.descending ? '~' : ''}order_key(${s.type}(x[start + i * ${s.stride}u]));
}
// Stores the element of rank \`rank\` of a run.
fn put(row: u32, run: u32, rank: u32, key: u32, position: u32) {
#if ${s.passes.length === 0}
  y[${rowStart({ ...s, length: s.count })} + rank * ${s.stride}u] = i32(position);
#else
  let at = 2u * (row * ${s.space}u + run * ${s.kept}u + rank);
  pairs[at] = key;
  pairs[at + 1u] = position;
#endif
}
`;

/** The variant `serial`. */
export function argsortSerial(shape: SortShape): Variant {
  const s = mergeSort(shape, SERIAL_RUN);
  const text = wgsl`
${keysAndStore(s)}
${linearMain(s.rows * s.runs)}
  let row = index / ${s.runs}u;
  let run = index % ${s.runs}u;
  let start = ${rowStart(s)};
  let first = run * ${s.run}u;
  let size = min(${s.run}u, ${s.length}u - first);
  var keys: array<u32, ${s.run}>;
  var positions: array<u32, ${s.run}>;
  for (var i = 0u; i < size; i++) {
    let key = key_at(start, first + i);
    var at = i;
    while (at > 0u) {
      if (keys[at - 1u] <= key) { break; }
      keys[at] = keys[at - 1u];
      positions[at] = positions[at - 1u];
      at--;
    }
    keys[at] = key;
    positions[at] = first + i;
  }
  for (var i = 0u; i < min(size, ${s.kept}u); i++) { put(row, run, i, keys[i], positions[i]); }
}
`;
  return runsThenMerges(s, 'serial', text, linearGrid(s.rows * s.runs, LINEAR_WORKGROUP));
}

/** The variant `group`. Its run is a power of two. */
export function argsortGroup(shape: SortShape): Variant {
  const run = Math.min(GROUP_RUN, 2 ** Math.ceil(Math.log2(Math.max(2, shape.length))));
  const s = mergeSort(shape, run);
  const threads = Math.min(256, run / 2);
  const text = wgsl`
${keysAndStore(s)}
var<workgroup> keys: array<u32, ${s.run}>;
var<workgroup> positions: array<u32, ${s.run}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid may have surplus workgroups: they sort the last run again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let index = min(wanted, ${s.rows * s.runs - 1}u);
  let row = index / ${s.runs}u;
  let run = index % ${s.runs}u;
  let start = ${rowStart(s)};
  let first = run * ${s.run}u;
  let size = min(${s.run}u, ${s.length}u - first);
  for (var i = local; i < ${s.run}u; i += ${threads}u) {
    keys[i] = 0xffffffffu;
    if (i < size) { keys[i] = key_at(start, first + i); }
    // Missing elements have the largest key and come after all others.
    positions[i] = first + i;
  }
  for (var width = 2u; width <= ${s.run}u; width <<= 1u) {
    for (var distance = width >> 1u; distance > 0u; distance >>= 1u) {
      workgroupBarrier();
      for (var i = local; i < ${s.run / 2}u; i += ${threads}u) {
        let a = 2u * i - (i & (distance - 1u));
        let b = a + distance;
        let swapped = keys[b] < keys[a] || (keys[b] == keys[a] && positions[b] < positions[a]);
        if (swapped == ((a & width) == 0u)) {
          let key = keys[a];
          let position = positions[a];
          keys[a] = keys[b];
          positions[a] = positions[b];
          keys[b] = key;
          positions[b] = position;
        }
      }
    }
  }
  workgroupBarrier();
  if (wanted == index) {
    for (var i = local; i < min(size, ${s.kept}u); i += ${threads}u) {
      put(row, run, i, keys[i], positions[i]);
    }
  }
}
`;
  return runsThenMerges(s, 'group', text, linearGrid(s.rows * s.runs, 1));
}

/** Merges pairs of runs, one thread per element; the last pass outputs the row's positions. */
const mergeText = (s: MergeSort, isLast: boolean): string => wgsl`
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = (group.y * groups.x + group.x) * ${LINEAR_WORKGROUP}u + local;
  let width = args[0].x;
  let held = args[0].y;
  let next = args[0].z;
  let runs = args[0].w;
  let from_half = args[1].x * ${s.rows * s.space}u;
  let row = index / (runs * held);
  if (row >= ${s.rows}u) { return; }
  let run = index / held % runs;
  let place = index % held;
  if (place >= ${s.length}u - run * width) { return; }
  let other = run ^ 1u;
  let base = from_half + row * ${s.space}u;
  let own = 2u * (base + run * held + place);
  let key = pairs[own];
  let position = pairs[own + 1u];
  // Number of elements of the other run before this one.
  var low = 0u;
  var high = 0u;
  if (other < runs) { high = min(held, ${s.length}u - other * width); }
  while (low < high) {
    let middle = (low + high) / 2u;
    let at = 2u * (base + other * held + middle);
    let before = pairs[at] < key || (pairs[at] == key && other < run);
    if (before) { low = middle + 1u; } else { high = middle; }
  }
  let rank = place + low;
  if (rank >= next) { return; }
#if ${isLast}
  y[${rowStart({ ...s, length: s.count })} + rank * ${s.stride}u] = i32(position);
#else
  let to = 2u * (${s.rows * s.space}u - from_half + row * ${s.space}u + (run / 2u) * next + rank);
  pairs[to] = key;
  pairs[to + 1u] = position;
#endif
}
`;

/** A variant that sorts runs by `text`, then merges them. Rows of one run need no `pairs`. */
function runsThenMerges(s: MergeSort, name: string, text: string, workgroups: Kernel['workgroups']): Variant {
  const x = { name: 'x', type: s.given } as const;
  const pairs = { name: 'pairs', type: 'u32' } as const;
  const y = { name: 'y', type: 'i32' } as const;
  const first = { name: `argsort.${name}`, wgsl: text, workgroups };
  if (s.passes.length === 0) return { name, kernels: [{ ...first, inputs: [x], outputs: [y] }] };
  const merges = s.passes.map((pass): Kernel => {
    const isLast = pass === s.passes.at(-1);
    return {
      name: 'argsort.merge',
      inputs: [null, pairs],
      outputs: [isLast ? y : null],
      workgroups: linearGrid(s.rows * pass.runs * pass.held, LINEAR_WORKGROUP),
      arguments: [pass.width, pass.held, pass.next, pass.runs, pass.half],
      wgsl: mergeText(s, isLast),
    };
  });
  return {
    name,
    kernels: [{ ...first, inputs: [x, pairs], outputs: [null] }, ...merges],
    scratch: [{ shape: [2, s.rows, s.space, 2], dtype: 'u32' }],
  };
}

/** How rows are sorted if their initial runs have `run` elements. */
function mergeSort(s: SortShape, run: number): MergeSort {
  const { length, count } = s;
  const passes: MergePass[] = [];
  for (let width = run; width < length; width *= 2) {
    passes.push({
      width,
      held: Math.min(count, width),
      next: Math.min(count, 2 * width),
      runs: Math.ceil(length / width),
      half: (passes.length % 2) as 0 | 1,
    });
  }
  const space = Math.max(0, ...passes.map(({ runs, held }) => runs * held));
  return { ...s, run, kept: Math.min(count, run), runs: Math.ceil(length / run), passes, space };
}
