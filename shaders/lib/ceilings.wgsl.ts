// A GPU's ceilings: kernels that only copy, or only multiply and add. Benchmarks derive their roofline from them.
//
// copy          one thread per vec4: every byte is read and written once, coalesced.
// multiply-add  one thread runs eight independent chains of vec4 in registers: no waiting for memory or another chain.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain } from './grid.wgsl.ts';

const bound = (name: string, vectors: number) =>
  ({
    name: `ceiling.${name}`,
    inputs: [{ name: 'x', type: 'vec4<f32>' }],
    outputs: [{ name: 'y', type: 'vec4<f32>' }],
    workgroups: linearGrid(vectors, LINEAR_WORKGROUP),
  }) as const;

export const ceilingCopy = (vectors: number): Kernel => ({
  ...bound('copy', vectors),
  wgsl: wgsl`
${linearMain(vectors)}
  y[index] = x[index];
}
`,
});

/** Chains per thread, and the operations of one link of all of them: eight vec4s, each component a product and a sum. */
const CHAINS = [0, 1, 2, 3, 4, 5, 6, 7];
export const OPERATIONS_PER_LINK = CHAINS.length * 4 * 2;

/** The result is stored, so that no compiler can eliminate the work. */
export const ceilingMultiplyAdd = (threads: number, links: number): Kernel => ({
  ...bound('multiplyAdd', threads),
  wgsl: wgsl`
${linearMain(threads)}
  let a = x[index];
  let b = vec4<f32>(0.25) + a * 1e-3;
  ${CHAINS.map((i) => `var c${i} = a + ${i}.0;`).join(' ')}
  for (var i = 0u; i < ${links}u; i++) {
    ${CHAINS.map((i) => `c${i} = fma(c${i}, b, a);`).join(' ')}
  }
  y[index] = ${CHAINS.map((i) => `c${i}`).join(' + ')};
}
`,
});
