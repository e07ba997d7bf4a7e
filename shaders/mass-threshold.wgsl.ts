// For each row the largest value at which those not below it weigh enough: by number, or by their sum.
//
// The threshold's bits are found from the highest to the lowest in the order of \`order_key\`, each by one sum over the row:
// 32 reads of a row that is in cache, instead of sorting it.
//
// serial  one thread a row: no barrier, best on software adapters.
// tree    one workgroup a row: threads stride over it, then add up in workgroup memory.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';
import { orderKey } from './lib/order.wgsl.ts';

export const THRESHOLD_WORKGROUP = 256;

export interface ThresholdShape {
  readonly rows: number;
  readonly length: number;
  /** True where values weigh 1 each, false where they are weights themselves. */
  readonly counts: boolean;
}

const weight = ({ counts }: ThresholdShape) => (counts ? '1.0' : 'value');

const shared = wgsl`
${orderKey('f32')}
// The value of a key; the lowest number where everything is not enough.
fn value_of(key: u32) -> f32 {
  if (key == 0u) { return -3.4028234663852886e38f; }
  return bitcast<f32>(select(~key, key ^ 0x80000000u, key >= 0x80000000u));
}
`;

export const thresholdSerialKernel = (s: ThresholdShape): string => wgsl`
${shared}
${linearMain(s.rows)}
  var threshold = 0u;
  for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
    var total = 0.0;
    for (var i = 0u; i < ${s.length}u; i++) {
      let value = x[index * ${s.length}u + i];
      if (order_key(value) >= (threshold | bit)) { total += ${weight(s)}; }
    }
    if (total > 0.0 && total >= mass[0]) { threshold |= bit; }
  }
  y[index] = value_of(threshold);
}
`;

export const thresholdTreeKernel = (s: ThresholdShape): string => wgsl`
${shared}
var<workgroup> partial: array<f32, ${THRESHOLD_WORKGROUP}>;

@compute @workgroup_size(${THRESHOLD_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid has a few groups too many: they search the last row again and store nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  var threshold = 0u;
  for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
    var total = 0.0;
    for (var i = local; i < ${s.length}u; i += ${THRESHOLD_WORKGROUP}u) {
      let value = x[row * ${s.length}u + i];
      if (order_key(value) >= (threshold | bit)) { total += ${weight(s)}; }
    }
    partial[local] = total;
    for (var width = ${THRESHOLD_WORKGROUP / 2}u; width > 0u; width >>= 1u) {
      workgroupBarrier();
      if (local < width) { partial[local] += partial[local + width]; }
    }
    workgroupBarrier();
    if (partial[0] > 0.0 && partial[0] >= mass[0]) { threshold |= bit; }
    workgroupBarrier();
  }
  if (local == 0u && wanted == row) { y[row] = value_of(threshold); }
}
`;
