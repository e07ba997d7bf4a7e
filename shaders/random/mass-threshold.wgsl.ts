// For each row, the largest value such that the values not below it have enough mass: by number, or by sum.
//
// The bits of the threshold's `order_key` are found two at a time, from the highest to the lowest, by the mass above each of
// three candidates: 16 reads of a cached row, instead of sorting it.
//
// serial  one thread per row: no barrier, best on software adapters.
// tree    one workgroup per row: threads stride over it, then reduce in workgroup memory.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { orderKey } from '../lib/order.wgsl.ts';

const THRESHOLD_WORKGROUP = 256;

const bound = (variant: string) =>
  ({
    name: `massThreshold.${variant}`,
    inputs: [
      { name: 'x', type: 'f32' },
      { name: 'mass', type: 'f32' },
    ],
    outputs: [{ name: 'y', type: 'f32' }],
  }) as const;

export interface ThresholdShape {
  readonly rows: number;
  readonly length: number;
  /** True if each value weighs 1, false if the values are the weights. */
  readonly counts: boolean;
}

/** Functions shared by both kernels. */
const shared = (s: ThresholdShape) => wgsl`
${orderKey('f32')}
// The value of a key; the lowest number if the whole row is not enough.
fn value_of(key: u32) -> f32 {
  if (key == 0u) { return -3.4028234663852886e38f; }
  return bitcast<f32>(select(~key, key ^ 0x80000000u, key >= 0x80000000u));
}
// The keys with the bits of \`threshold\`, followed by 1, 2 and 3.
fn candidates_of(threshold: u32, shift: u32) -> vec3<u32> {
  return vec3<u32>(threshold) | (vec3<u32>(1u, 2u, 3u) << vec3<u32>(shift));
}
// What \`value\` adds to the weight at or above each candidate.
fn weigh(value: f32, candidates: vec3<u32>) -> vec3<f32> {
  return select(vec3<f32>(), vec3<f32>(${s.counts ? '1.0' : 'value'}), vec3<u32>(order_key(value)) >= candidates);
}
// The largest candidate with enough mass at or above it, or else the threshold unchanged.
fn raised(threshold: u32, candidates: vec3<u32>, total: vec3<f32>, wanted: f32) -> u32 {
  let enough = (total > vec3<f32>()) & (total >= vec3<f32>(wanted));
  if (enough.z) { return candidates.z; }
  if (enough.y) { return candidates.y; }
  return select(threshold, candidates.x, enough.x);
}
`;

export const thresholdSerial = (s: ThresholdShape): Kernel => ({
  ...bound('serial'),
  workgroups: linearGrid(s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
${shared(s)}
${linearMain(s.rows)}
  var threshold = 0u;
  for (var pair = 0u; pair < 16u; pair++) {
    let candidates = candidates_of(threshold, 30u - 2u * pair);
    var total = vec3<f32>();
    for (var i = 0u; i < ${s.length}u; i++) { total += weigh(x[index * ${s.length}u + i], candidates); }
    threshold = raised(threshold, candidates, total, mass[0]);
  }
  y[index] = value_of(threshold);
}
`,
});

export const thresholdTree = (s: ThresholdShape): Kernel => ({
  ...bound('tree'),
  workgroups: linearGrid(s.rows, 1),
  wgsl: wgsl`
${shared(s)}
var<workgroup> partial: array<vec3<f32>, ${THRESHOLD_WORKGROUP}>;

@compute @workgroup_size(${THRESHOLD_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid may have surplus workgroups: they search the last row again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  let start = row * ${s.length}u;
  var threshold = 0u;
  for (var pair = 0u; pair < 16u; pair++) {
    let candidates = candidates_of(threshold, 30u - 2u * pair);
    var total = vec3<f32>();
    var i = local;
    // Four independent loads.
    for (; i + ${3 * THRESHOLD_WORKGROUP}u < ${s.length}u; i += ${4 * THRESHOLD_WORKGROUP}u) {
      let a = x[start + i];
      let b = x[start + i + ${THRESHOLD_WORKGROUP}u];
      let c = x[start + i + ${2 * THRESHOLD_WORKGROUP}u];
      let d = x[start + i + ${3 * THRESHOLD_WORKGROUP}u];
      total += (weigh(a, candidates) + weigh(b, candidates)) + (weigh(c, candidates) + weigh(d, candidates));
    }
    for (; i < ${s.length}u; i += ${THRESHOLD_WORKGROUP}u) { total += weigh(x[start + i], candidates); }
    partial[local] = total;
    for (var width = ${THRESHOLD_WORKGROUP / 2}u; width > 0u; width >>= 1u) {
      workgroupBarrier();
      if (local < width) { partial[local] += partial[local + width]; }
    }
    workgroupBarrier();
    threshold = raised(threshold, candidates, partial[0], mass[0]);
    workgroupBarrier();
  }
  if (local == 0u && wanted == row) { y[row] = value_of(threshold); }
}
`,
});
