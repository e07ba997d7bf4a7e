// Softmax and negative log likelihood in one read of the logits. A row's largest logit and the sum of exponentials relative
// to it are written along with the loss, so that the gradient is elementwise.
//
// row   one thread per row: no barrier, best on software adapters and for few classes.
// tree  one workgroup per row: threads stride over the classes with sums of their own, which are reduced in workgroup memory.
// Both track the largest value so far and rescale the sum when a larger one is found.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';

const CROSS_ENTROPY_WORKGROUP = 256;

export interface CrossEntropyShape {
  readonly rows: number;
  readonly classes: number;
  /** The stride between classes of a row; rows with equal `row / stride` interleave. */
  readonly stride: number;
  /** The label of ignored rows. */
  readonly ignoreIndex: number;
  /** Fraction of the target that is spread over all classes. */
  readonly smoothing: number;
  /** The type of `weight`, which has a factor per class; null if there is none. */
  readonly weight: 'f32' | 'f16' | null;
  /** The type of the logits. */
  readonly logits: 'f32' | 'f16';
}

const bound = ({ logits, weight }: CrossEntropyShape, variant: string) => ({
  name: `crossEntropy.${variant}`,
  inputs: [
    { name: 'logits', type: logits },
    { name: 'labels', type: 'i32' } as const,
    ...(weight ? [{ name: 'weight', type: weight }] : []),
  ],
  outputs: ['loss', 'scale', 'largest', 'total'].map((name) => ({ name, type: 'f32' }) as const),
});

/** Sums of a part of a row, as a vector: largest logit, sum of exponentials, Σ w · (target - x), Σ w. */
const sums = (s: CrossEntropyShape) => wgsl`
const NOTHING = vec4<f32>(-3.4028234663852886e38f, 0.0, 0.0, 0.0);
fn include(sums: vec4<f32>, x: f32, i: u32, at_label: f32) -> vec4<f32> {
  var next = sums;
  if (x > sums.x) {
    next.x = x;
    next.y = sums.y * exp(sums.x - x) + 1.0;
  } else {
    next.y += exp(x - sums.x);
  }
#if ${s.smoothing > 0}
  let w = ${s.weight ? 'f32(weight[i])' : '1.0'};
  next.z += w * (at_label - x);
  next.w += w;
#endif
  return next;
}
fn join(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  let largest = max(a.x, b.x);
  return vec4<f32>(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest), a.zw + b.zw);
}
fn label_of(row: u32) -> u32 { return u32(clamp(labels[row], 0, ${s.classes - 1})); }
fn start_of(row: u32) -> u32 { return (row / ${s.stride}u) * ${s.classes * s.stride}u + row % ${s.stride}u; }
fn write_row(row: u32, sums: vec4<f32>, at_label: f32) {
  largest[row] = sums.x;
  total[row] = sums.y;
  let counts = labels[row] != ${s.ignoreIndex};
  let w = select(0.0, ${s.weight ? 'f32(weight[label_of(row)])' : '1.0'}, counts);
  scale[row] = w;
  // The difference first: next to a large logit, the logarithm would be rounded away.
  let nll = log(sums.y) + (sums.x - at_label);
#if ${s.smoothing > 0}
  let spread = f32(${s.smoothing / s.classes});
  loss[row] = select(0.0, nll * (f32(${1 - s.smoothing}) * w + spread * sums.w) + spread * sums.z, counts);
#else
  loss[row] = nll * w;
#endif
}
`;

export const crossEntropyRow = (s: CrossEntropyShape): Kernel => ({
  ...bound(s, 'row'),
  workgroups: linearGrid(s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
${sums(s)}
${linearMain(s.rows)}
  let start = start_of(index);
  let at_label = f32(logits[start + label_of(index) * ${s.stride}u]);
  var row_sums = NOTHING;
  for (var i = 0u; i < ${turns(s.classes)}; i++) {
    row_sums = include(row_sums, f32(logits[start + i * ${s.stride}u]), i, at_label);
  }
  write_row(index, row_sums, at_label);
}
`,
});

export const crossEntropyTree = (s: CrossEntropyShape): Kernel => ({
  ...bound(s, 'tree'),
  workgroups: linearGrid(s.rows, 1),
  wgsl: wgsl`
${sums(s)}
var<workgroup> partial: array<vec4<f32>, ${CROSS_ENTROPY_WORKGROUP}>;

@compute @workgroup_size(${CROSS_ENTROPY_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  // A folded grid may have surplus workgroups: they compute the last row again and write nothing.
  let wanted = group.y * groups.x + group.x;
  let row = min(wanted, ${s.rows - 1}u);
  let start = start_of(row);
  let at_label = f32(logits[start + label_of(row) * ${s.stride}u]);
  var own = NOTHING;
  for (var i = local; i < ${s.classes}u; i += ${CROSS_ENTROPY_WORKGROUP}u) {
    own = include(own, f32(logits[start + i * ${s.stride}u]), i, at_label);
  }
  partial[local] = own;
  for (var width = ${CROSS_ENTROPY_WORKGROUP / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (local < width) { partial[local] = join(partial[local], partial[local + width]); }
  }
  if (local == 0u && wanted == row) { write_row(row, partial[0], at_label); }
}
`,
});
