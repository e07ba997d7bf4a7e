// Sums over a channel of [N, C, ...]: mean and variance for batch norm, and the two sums of its gradient.
//
// serial  one thread per channel: no barrier, best on software adapters and if a channel's values are far apart.
// tree    one workgroup per channel: threads stride over its values, then reduce in workgroup memory.
// split   several workgroups per channel, for few long channels; a second kernel joins their results.
//
// Mean and variance are computed in one pass (Welford), and partial ones joined (Chan, Golub and LeVeque, 1979), since the sum
// of squares minus the square of the sum would cancel if the mean is large.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { reads } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';

/** Threads per workgroup of the variants `tree` and `split`. */
const CHANNEL_WORKGROUP = 256;

export interface ChannelShape {
  /** [batch, channels, inner] */
  readonly batch: number;
  readonly channels: number;
  readonly inner: number;
  /** The type of all inputs and outputs. */
  readonly type: 'f32' | 'f16';
}

/** What an op sums, as WGSL: `state` has `parts` numbers; `at` is a value's offset, `row` its channel. */
export interface ChannelSum {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly parts: 2 | 3;
  readonly functions: string;
  /** A new `state` from `state`, `at` and `row`. */
  readonly next: string;
  /** The result of channel `row` for each output, from `state`. */
  readonly results: readonly string[];
}

const STATE = 'State';

const declarations = ({ parts, functions }: ChannelSum) => wgsl`
alias ${STATE} = vec${parts}<f32>;
${functions}
`;

/** Stores the results of channel `row`. */
const finish = ({ type }: ChannelShape, { outputs, results }: ChannelSum) =>
  outputs.map((name, i) => `${name}[row] = ${type}(${results[i]});`).join(' ');

const bound = ({ type }: ChannelShape, { inputs, outputs }: ChannelSum) => ({
  inputs: reads(type, ...inputs),
  outputs: outputs.map((name): Binding => ({ name, type })),
});

/** Adds the channel's values from `first` to `end`, in steps of `step`, to `state`. */
const addValues = (
  { channels, inner }: ChannelShape,
  sum: ChannelSum,
  first: string,
  step: number,
  end: string,
) => wgsl`
  for (var i = ${first}; i < ${end}; i += ${step}u) {
    let at = (i / ${inner}u) * ${channels * inner}u + row * ${inner}u + i % ${inner}u;
    state = ${sum.next};
  }
`;

/** The variant `serial`. */
export const channelSerial = (s: ChannelShape, sum: ChannelSum): Kernel => ({
  ...bound(s, sum),
  name: `${sum.op}.serial`,
  workgroups: linearGrid(s.channels, LINEAR_WORKGROUP),
  wgsl: wgsl`
${declarations(sum)}
${linearMain(s.channels)}
  let row = index;
  var state = ${STATE}();
  ${addValues(s, sum, '0u', 1, `${s.batch * s.inner}u`)}
  ${finish(s, sum)}
}
`,
});

/** Opens a workgroup kernel that leaves the state of the workgroup's values of channel `row` in thread 0's `state`. */
const groupSum = (s: ChannelShape, sum: ChannelSum, parts: number) => {
  const count = s.batch * s.inner;
  const chunk = Math.ceil(count / parts);
  return wgsl`
var<workgroup> scratch: array<${STATE}, ${CHANNEL_WORKGROUP}>;
@compute @workgroup_size(${CHANNEL_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let wanted = group.y * groups.x + group.x;
  // A folded grid may have surplus workgroups: they repeat the last part and store nothing.
  let part = min(wanted, ${s.channels * parts - 1}u);
  let row = part / ${parts}u;
  let begin = (part % ${parts}u) * ${chunk}u;
  let end = min(begin + ${chunk}u, ${count}u);
  var state = ${STATE}();
  ${addValues(s, sum, 'begin + local', CHANNEL_WORKGROUP, 'end')}
  scratch[local] = state;
  for (var width = ${CHANNEL_WORKGROUP / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (local < width) { scratch[local] = join(scratch[local], scratch[local + width]); }
  }
  state = scratch[0];
`;
};

/** The variant `tree`. */
export const channelTree = (s: ChannelShape, sum: ChannelSum): Kernel => ({
  ...bound(s, sum),
  name: `${sum.op}.tree`,
  workgroups: linearGrid(s.channels, 1),
  wgsl: wgsl`
${declarations(sum)}
${groupSum(s, sum, 1)}
  if (local == 0u && wanted == part) {
    ${finish(s, sum)}
  }
}
`,
});

/** The variant `split`: the state of each of `parts` parts of a channel, which a second kernel joins. */
export function channelSplit(s: ChannelShape, sum: ChannelSum, parts: number): Variant {
  const partial: Binding = { name: 'partial', type: 'f32' };
  const { inputs, outputs } = bound(s, sum);
  return {
    name: 'split',
    scratch: [{ shape: [s.channels * parts * sum.parts], dtype: 'f32' }],
    kernels: [
      {
        name: `${sum.op}.split`,
        inputs: [...inputs, partial],
        outputs: outputs.map(() => null),
        workgroups: linearGrid(s.channels * parts, 1),
        wgsl: splitText(s, sum, parts),
      },
      {
        name: `${sum.op}.join`,
        inputs: [...inputs.map(() => null), partial],
        outputs,
        workgroups: linearGrid(s.channels, LINEAR_WORKGROUP),
        wgsl: joinText(s, sum, parts),
      },
    ],
  };
}

/** Writes each part's state to `partial`. */
const splitText = (s: ChannelShape, sum: ChannelSum, parts: number): string => wgsl`
${declarations(sum)}
${groupSum(s, sum, parts)}
  if (local == 0u && wanted == part) {
    for (var k = 0u; k < ${sum.parts}u; k++) { partial[part * ${sum.parts}u + k] = state[k]; }
  }
}
`;

const joinText = (s: ChannelShape, sum: ChannelSum, parts: number): string => wgsl`
${declarations(sum)}
fn load(part: u32) -> ${STATE} {
  let at = part * ${sum.parts}u;
  return ${STATE}(${Array.from({ length: sum.parts }, (_, k) => `partial[at + ${k}u]`).join(', ')});
}
${linearMain(s.channels)}
  let row = index;
  var state = load(row * ${parts}u);
  for (var part = 1u; part < ${parts}u; part++) { state = join(state, load(row * ${parts}u + part)); }
  ${finish(s, sum)}
}
`;

/** state: count, mean, sum of squared distances to the mean. */
export const momentsSum: ChannelSum = {
  op: 'channelMoments',
  inputs: ['x'],
  outputs: ['mean', 'variance'],
  parts: 3,
  functions: wgsl`
fn add_value(state: State, value: f32) -> State {
  let count = state.x + 1.0;
  let distance = value - state.y;
  let mean = state.y + distance / count;
  return State(count, mean, state.z + distance * (value - mean));
}
fn join(a: State, b: State) -> State {
  let count = a.x + b.x;
  let share = b.x / max(count, 1.0);
  let distance = b.y - a.y;
  return State(count, a.y + distance * share, a.z + b.z + distance * distance * a.x * share);
}
`,
  next: 'add_value(state, f32(x[at]))',
  results: ['state.y', 'state.z / state.x'],
};

/** Σ g and Σ g · (x - mean) · scale. */
export const gradientSum: ChannelSum = {
  op: 'channelGradientSums',
  inputs: ['x', 'mean', 'scale', 'g'],
  outputs: ['sum_g', 'sum_gn'],
  parts: 2,
  functions: 'fn join(a: State, b: State) -> State { return a + b; }',
  next: 'state + f32(g[at]) * State(1.0, (f32(x[at]) - f32(mean[row])) * f32(scale[row]))',
  results: ['state.x', 'state.y'],
};
