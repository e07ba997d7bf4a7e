// Softmax along one axis: the largest value is subtracted first, so that no exponential overflows.
//
// serial  one thread a row: no barrier, best on software adapters and for short rows.
// tree    one workgroup a row, which keeps its part of the row in registers between the passes when it fits.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain, turns } from './lib/grid.wgsl.ts';
import { rowStart, type RowsShape } from './lib/rows.wgsl.ts';

export const SOFTMAX_WORKGROUP = 256;

/** `stored` is the type of x and y; all is computed in f32. */
export const softmaxSerialKernel = (s: RowsShape, stored: 'f32' | 'f16'): string => wgsl`
${linearMain(s.rows)}
  let row = index;
  let start = ${rowStart(s)};
  var largest = f32(x[start]);
  for (var i = 1u; i < ${turns(s.length)}; i++) { largest = max(largest, f32(x[start + i * ${s.stride}u])); }
  var total = 0.0;
#if ${stored === 'f16'}
  // An f16 would round the exponentials before they are divided: they are computed twice instead of kept.
  for (var i = 0u; i < ${turns(s.length)}; i++) { total += exp(f32(x[start + i * ${s.stride}u]) - largest); }
  for (var i = 0u; i < ${turns(s.length)}; i++) {
    y[start + i * ${s.stride}u] = f16(exp(f32(x[start + i * ${s.stride}u]) - largest) / total);
  }
#else
  for (var i = 0u; i < ${turns(s.length)}; i++) {
    let value = exp(x[start + i * ${s.stride}u] - largest);
    y[start + i * ${s.stride}u] = value;
    total += value;
  }
  for (var i = 0u; i < ${turns(s.length)}; i++) { y[start + i * ${s.stride}u] /= total; }
#endif
}
`;

/** A reduction over the threads of a workgroup, whose result every thread gets. */
const groupReduce = (name: string, combine: string) => wgsl`
fn ${name}(local: u32, value: f32) -> f32 {
  scratch[local] = value;
  for (var width = ${SOFTMAX_WORKGROUP / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (local < width) {
      let a = scratch[local];
      let b = scratch[local + width];
      scratch[local] = ${combine};
    }
  }
  workgroupBarrier();
  let result = scratch[0];
  workgroupBarrier();
  return result;
}
`;

/** `stored` is the type of x and y; all is computed in f32. */
export function softmaxTreeKernel(s: RowsShape, stored: 'f32' | 'f16'): string {
  const perThread = Math.ceil(s.length / SOFTMAX_WORKGROUP);
  const registers = perThread <= 16;
  const at = (i: string) => `start + (local + ${i} * ${SOFTMAX_WORKGROUP}u) * ${s.stride}u`;
  const inRow = (i: string) => `local + ${i} * ${SOFTMAX_WORKGROUP}u < ${s.length}u`;
  const value = registers ? 'held[i]' : `f32(x[${at('i')}])`;
  return wgsl`
var<workgroup> scratch: array<f32, ${SOFTMAX_WORKGROUP}>;
${groupReduce('group_max', 'max(a, b)')}
${groupReduce('group_sum', 'a + b')}
@compute @workgroup_size(${SOFTMAX_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid has a few groups too many: they compute the last row again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  let start = ${rowStart(s)};
  let stores = wanted == row;
  var largest = -3.4028234663852886e38f;
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
}
