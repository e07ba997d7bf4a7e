// The index of a thread in a one-dimensional grid that may be folded into y (see linearGrid in src/core/kernel.ts).
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** Threads of a workgroup in kernels with a one-dimensional grid. */
export const LINEAR_WORKGROUP = 64;

/** Opens `main` for `threads` threads and declares `index`: the body and the closing brace follow. */
export const linearMain = (threads: number): string => wgsl`
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = (group.y * groups.x + group.x) * ${LINEAR_WORKGROUP}u + local;
  if (index >= ${threads}u) { return; }
`;
