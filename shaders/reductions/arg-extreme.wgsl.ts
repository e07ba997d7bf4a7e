// Position of the largest or smallest value of each row along one axis; the first among equal values.
//
// serial  one thread per row: no barrier, best on software adapters and for short rows.
// tree    one workgroup per row: threads stride over it, then reduce pairs of value and position in workgroup memory.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type ElementType, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { rowStart, type RowsShape } from '../lib/rows.wgsl.ts';

const ARG_WORKGROUP = 256;

export interface ArgShape extends RowsShape {
  /** The type of comparison, and that of x in memory. */
  readonly type: 'f32' | 'i32' | 'u32';
  readonly given: ElementType;
  readonly largest: boolean;
}

const bound = ({ given, largest }: ArgShape, variant: string) =>
  ({
    name: `${largest ? 'argmax' : 'argmin'}.${variant}`,
    inputs: [{ name: 'x', type: given }],
    outputs: [{ name: 'y', type: 'i32' }],
  }) as const;

const better = ({ largest }: ArgShape) => (largest ? '>' : '<');

export const argSerial = (s: ArgShape): Kernel => ({
  ...bound(s, 'serial'),
  workgroups: linearGrid(s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
${linearMain(s.rows)}
  let start = ${rowStart(s, 'index')};
  var best = ${s.type}(x[start]);
  var at = 0u;
  for (var i = 1u; i < ${turns(s.length)}; i++) {
    let value = ${s.type}(x[start + i * ${s.stride}u]);
    if (value ${better(s)} best) { best = value; at = i; }
  }
  y[index] = i32(at);
}
`,
});

export const argTree = (s: ArgShape): Kernel => ({
  ...bound(s, 'tree'),
  workgroups: linearGrid(s.rows, 1),
  wgsl: wgsl`
var<workgroup> values: array<${s.type}, ${ARG_WORKGROUP}>;
var<workgroup> places: array<u32, ${ARG_WORKGROUP}>;

@compute @workgroup_size(${ARG_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid may have surplus workgroups: they search the last row again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  let start = ${rowStart(s)};
  // Threads past the end hold the last value.
  var at = min(local, ${s.length - 1}u);
  var best = ${s.type}(x[start + at * ${s.stride}u]);
  for (var i = local + ${ARG_WORKGROUP}u; i < ${s.length}u; i += ${ARG_WORKGROUP}u) {
    let value = ${s.type}(x[start + i * ${s.stride}u]);
    if (value ${better(s)} best) { best = value; at = i; }
  }
  values[local] = best;
  places[local] = at;
  for (var width = ${ARG_WORKGROUP / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (local < width) {
      let value = values[local + width];
      let place = places[local + width];
      if (value ${better(s)} best || (value == best && place < at)) { best = value; at = place; }
      values[local] = best;
      places[local] = at;
    }
  }
  if (local == 0u && wanted == row) { y[row] = i32(at); }
}
`,
});
