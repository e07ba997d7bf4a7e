// Chains of elementwise expressions: as a kernel of their own, or as the end of another kernel.
//
// kernel    a thread computes one element of every output, or several that lie a workgroup apart: starting a workgroup costs a
//           software adapter more than some elements do. No barrier, no workgroup memory: one variant serves all.
// epilogue  `store_NAME`, through which a host kernel writes its output, computes the chain while the value is in a register.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { LINEAR_WORKGROUP, linearMain } from './lib/grid.wgsl.ts';

/** `statements` may use `index`, one of `elements`; `helpers` are functions that they call. */
export function pointwiseKernel(
  elements: number,
  perThread: number,
  helpers: string,
  statements: readonly string[],
): string {
  const body = statements.join('\n  ');
  if (perThread === 1)
    return wgsl`
${helpers}
${linearMain(elements)}
  ${body}
}
`;
  const block = LINEAR_WORKGROUP * perThread;
  return wgsl`
${helpers}
@compute @workgroup_size(${LINEAR_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let first = (group.y * groups.x + group.x) * ${block}u + local;
  for (var index = first; index < min(first + ${block}u, ${elements}u); index += ${LINEAR_WORKGROUP}u) {
  ${body}
  }
}
`;
}

/** One output of an epilogue: its buffer, the type of an element, and the expression that is stored. */
export interface EpilogueResult {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

/**
 * `store_NAME` for a host that stores single values or, when `vectorized`, four at a time at an index in fours; `type` is that of
 * what it stores, from which the chain goes on in f32.
 */
export const epilogueFunctions = (
  host: { readonly name: string; readonly type: string },
  vectorized: boolean,
  results: readonly EpilogueResult[],
  statements: readonly string[],
): string => wgsl`
struct Epilogue { ${results.map(({ name, type }) => `${name}: ${type}`).join(', ')} }
fn epilogue(index: u32, host: f32) -> Epilogue {
  ${statements.join('\n  ')}
  return Epilogue(${results.map(({ value }) => value).join(', ')});
}
#if ${vectorized}
fn store_${host.name}(index4: u32, value: ${host.type}) {
  ${[0, 1, 2, 3].map((i) => `let e${i} = epilogue(index4 * 4u + ${i}u, f32(value[${i}]));`).join('\n  ')}
  ${results.map(({ name, type }) => `${name}[index4] = vec4<${type}>(e0.${name}, e1.${name}, e2.${name}, e3.${name});`).join('\n  ')}
}
#else
fn store_${host.name}(index: u32, value: ${host.type}) {
  let e = epilogue(index, f32(value));
  ${results.map(({ name }) => `${name}[index] = e.${name};`).join('\n  ')}
}
#endif
`;
