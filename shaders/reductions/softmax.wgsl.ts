// Softmax along one axis: the largest value is subtracted first, so that no exponential overflows.
//
// serial  one thread per row: no barrier, best on software adapters and for short rows.
// tree    one workgroup per row, whose threads keep their values in registers between the passes if they fit; `subgroup`
//         does this with subgroups (lib/group-reduce.wgsl.ts).
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { groupReduce, groupScratch, type GroupReduceBy } from '../lib/group-reduce.wgsl.ts';
import { addUp, rowStart, type RowsShape } from '../lib/rows.wgsl.ts';

const SOFTMAX_WORKGROUP = 256;

const bound = (variant: string, type: 'f32' | 'f16') => ({
  name: `softmax.${variant}`,
  inputs: [{ name: 'x', type }],
  outputs: [{ name: 'y', type }],
});

/** `stored` is the type of x and y; the computation is in f32. */
export const softmaxSerial = (s: RowsShape, stored: 'f32' | 'f16'): Kernel => ({
  ...bound('serial', stored),
  workgroups: linearGrid(s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
${linearMain(s.rows)}
  let row = index;
  let start = ${rowStart(s)};
  var largest = f32(x[start]);
  for (var i = 1u; i < ${turns(s.length)}; i++) { largest = max(largest, f32(x[start + i * ${s.stride}u])); }
  var total = 0.0;
#if ${stored === 'f16'}
  // Storing the exponentials as f16 would round them before the division, so they are computed twice.
  ${addUp(s.length, `exp(f32(x[start + i * ${s.stride}u]) - largest)`)}
  for (var i = 0u; i < ${turns(s.length)}; i++) {
    y[start + i * ${s.stride}u] = f16(exp(f32(x[start + i * ${s.stride}u]) - largest) / total);
  }
#else
  ${addUp(s.length, 'value', {
    statements: `let value = exp(x[start + i * ${s.stride}u] - largest); y[start + i * ${s.stride}u] = value;`,
  })}
  for (var i = 0u; i < ${turns(s.length)}; i++) { y[start + i * ${s.stride}u] /= total; }
#endif
}
`,
});

/** `stored` is the type of x and y; the computation is in f32. */
export function softmaxGroups(s: RowsShape, stored: 'f32' | 'f16', by: GroupReduceBy): Kernel {
  const values = { type: 'f32', threads: SOFTMAX_WORKGROUP };
  const lowest = '-3.4028234663852886e38f';
  const perThread = Math.ceil(s.length / SOFTMAX_WORKGROUP);
  const registers = perThread <= 16;
  const at = (i: string) => `start + (local + ${i} * ${SOFTMAX_WORKGROUP}u) * ${s.stride}u`;
  const inRow = (i: string) => `local + ${i} * ${SOFTMAX_WORKGROUP}u < ${s.length}u`;
  const value = registers ? 'held[i]' : `f32(x[${at('i')}])`;
  const text = wgsl`
${groupScratch(values)}
${groupReduce({ ...values, name: 'group_max', combine: 'max(a, b)', identity: lowest }, by)}
${groupReduce({ ...values, name: 'group_sum', combine: 'a + b', identity: '0.0' }, by)}
@compute @workgroup_size(${SOFTMAX_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid may have surplus workgroups: they compute the last row again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  let start = ${rowStart(s)};
  let stores = wanted == row;
  var largest = ${lowest};
#if ${registers}
  var held: array<f32, ${perThread}>;
  for (var i = 0u; i < ${perThread}u; i++) { if (${inRow('i')}) { held[i] = f32(x[${at('i')}]); } }
#endif
  for (var i = 0u; i < ${perThread}u; i++) { if (${inRow('i')}) { largest = max(largest, ${value}); } }
  largest = group_max(local, largest);
  var total = 0.0;
  for (var i = 0u; i < ${perThread}u; i++) { if (${inRow('i')}) { total += exp(${value} - largest); } }
  total = group_sum(local, total);
  for (var i = 0u; i < ${perThread}u; i++) {
    if (stores && ${inRow('i')}) { y[${at('i')}] = ${stored}(exp(${value} - largest) / total); }
  }
}
`;
  return { ...bound(by, stored), workgroups: linearGrid(s.rows, 1), wgsl: text };
}
