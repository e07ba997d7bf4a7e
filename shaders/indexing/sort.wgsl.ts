// Sorts each row along one axis, and leaves the positions that its values came from: all of them or the first few.
//
// A stable merge sort in dispatches. `runs` of a row are sorted first; then each dispatch merges pairs of runs into one of
// twice the width, as every element finds its place by a binary search in the other run. Runs keep no more elements than
// are asked for, so the few largest of a long row cost little. Elements are pairs of key and position: no two are equal.
//
// serial  runs of 16 by insertion, a thread a run: no barrier, best on software adapters and for short rows.
// group   runs of up to 1024 by a bitonic network in workgroup memory (Batcher, 1968), a workgroup a run.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { orderKey } from '../lib/order.wgsl.ts';
import { rowStart, type RowsShape } from '../lib/rows.wgsl.ts';

/** Elements that one thread, or one workgroup, sorts. */
export const SERIAL_RUN = 16;
export const GROUP_RUN = 1024;

export interface SortShape extends RowsShape {
  readonly type: 'f32' | 'i32' | 'u32';
  readonly descending: boolean;
  /** Positions that are wanted of each row. */
  readonly count: number;
  /** Elements of the runs that are sorted first. */
  readonly run: number;
  /** Elements that each half of `pairs` holds for a row: dispatches read one half and write the other. */
  readonly space: number;
}

const runsOf = ({ length, run }: SortShape) => Math.ceil(length / run);
const isWhole = (s: SortShape) => runsOf(s) === 1;
const kept = ({ count, run }: SortShape) => Math.min(count, run);

/** Threads of a workgroup that sorts a run. */
export const groupThreads = (run: number): number => Math.min(256, Math.max(1, run / 2));

const shared = (s: SortShape) => wgsl`
${orderKey(s.type)}
fn key_at(start: u32, i: u32) -> u32 {
  return ${s.descending ? '~' : ''}order_key(${s.type}(x[start + i * ${s.stride}u]));
}
// Stores the element of rank \`rank\` of a run.
fn put(row: u32, run: u32, rank: u32, key: u32, position: u32) {
#if ${isWhole(s)}
  y[${rowStart({ ...s, length: s.count })} + rank * ${s.stride}u] = i32(position);
#else
  let at = 2u * (row * ${s.space}u + run * ${kept(s)}u + rank);
  pairs[at] = key;
  pairs[at + 1u] = position;
#endif
}
`;

export const sortRunsSerialKernel = (s: SortShape): string => wgsl`
${shared(s)}
${linearMain(s.rows * runsOf(s))}
  let row = index / ${runsOf(s)}u;
  let run = index % ${runsOf(s)}u;
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
  for (var i = 0u; i < min(size, ${kept(s)}u); i++) { put(row, run, i, keys[i], positions[i]); }
}
`;

/** `run` is a power of two. */
export const sortRunsGroupKernel = (s: SortShape): string => wgsl`
${shared(s)}
var<workgroup> keys: array<u32, ${s.run}>;
var<workgroup> positions: array<u32, ${s.run}>;

@compute @workgroup_size(${groupThreads(s.run)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid has a few groups too many: they sort the last run again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let index = min(wanted, ${s.rows * runsOf(s) - 1}u);
  let row = index / ${runsOf(s)}u;
  let run = index % ${runsOf(s)}u;
  let start = ${rowStart(s)};
  let first = run * ${s.run}u;
  let size = min(${s.run}u, ${s.length}u - first);
  for (var i = local; i < ${s.run}u; i += ${groupThreads(s.run)}u) {
    keys[i] = 0xffffffffu;
    if (i < size) { keys[i] = key_at(start, first + i); }
    // What is missing has the largest key and stands behind all that is not.
    positions[i] = first + i;
  }
  for (var width = 2u; width <= ${s.run}u; width <<= 1u) {
    for (var distance = width >> 1u; distance > 0u; distance >>= 1u) {
      workgroupBarrier();
      for (var i = local; i < ${s.run / 2}u; i += ${groupThreads(s.run)}u) {
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
    for (var i = local; i < min(size, ${kept(s)}u); i += ${groupThreads(s.run)}u) {
      put(row, run, i, keys[i], positions[i]);
    }
  }
}
`;

/** What differs between the dispatches that merge: they share a pipeline. */
export interface MergePass {
  /** Elements of x in a run, how many of them a run holds, and how many the joined ones will. */
  readonly width: number;
  readonly held: number;
  readonly next: number;
  readonly runs: number;
  /** Half of \`pairs\` that is read. */
  readonly half: 0 | 1;
}

/** The arguments of a merge, in the order in which the kernel reads them. */
export const mergeArguments = ({ width, held, next, runs, half }: MergePass): number[] => [
  width,
  held,
  next,
  runs,
  half,
];

/** Joins pairs of runs, a thread an element; the \`last\` pass leaves the row's positions. */
export const mergeKernel = (s: SortShape, last: boolean): string => wgsl`
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
  // How many of the other run come before this element.
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
#if ${last}
  y[${rowStart({ ...s, length: s.count })} + rank * ${s.stride}u] = i32(position);
#else
  let to = 2u * (${s.rows * s.space}u - from_half + row * ${s.space}u + (run / 2u) * next + rank);
  pairs[to] = key;
  pairs[to + 1u] = position;
#endif
}
`;
