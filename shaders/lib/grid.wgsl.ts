// The index of a thread in a one-dimensional grid that may be folded into y (see linearGrid in src/core/kernel.ts).
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** Threads per workgroup in kernels with a one-dimensional grid. */
export const LINEAR_WORKGROUP = 64;

/** Always 1, but opaque to the compiler, so loops bounded by it are not unrolled: some compilers take seconds over the result. */
export const once = 'let once = min(groups.x, 1u);';

/** The bound of a loop that accesses memory `count` times, made opaque by `once` where compilers would unroll it. */
export const turns = (count: number): string => (count <= 64 ? `${count}u * once` : `${count}u`);

/** Opens `main` for `threads` threads and declares `index` and `once`: the body and the closing brace follow. */
export const linearMain = (threads: number): string => wgsl`
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = (group.y * groups.x + group.x) * ${LINEAR_WORKGROUP}u + local;
  if (index >= ${threads}u) { return; }
  ${once}
`;

/** `main` that runs `body` for each `index` below `count`: `perThread` per thread, a workgroup's width apart. */
export const linearLoop = (count: number, perThread: number, body: string): string => wgsl`
#if ${perThread === 1}
${linearMain(count)}
  ${body}
}
#else
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let first = (group.y * groups.x + group.x) * ${LINEAR_WORKGROUP * perThread}u + local;
  for (var index = first; index < min(first + ${LINEAR_WORKGROUP * perThread}u, ${count}u); index += ${LINEAR_WORKGROUP}u) {
  ${body}
  }
}
#endif
`;
