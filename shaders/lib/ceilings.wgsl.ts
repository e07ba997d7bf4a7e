// A GPU's ceilings: kernels that only copy, or only multiply and add. Benchmarks derive their roofline from them.
//
// copy          one thread per vec4: every byte is read and written once, coalesced.
// multiply-add  one thread runs eight independent chains of vec4 in registers: no waiting for memory or another chain.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './grid.wgsl.ts';

export const copyKernel = (vectors: number): string => wgsl`
${linearMain(vectors)}
  y[index] = x[index];
}
`;

/** Chains per thread, and the operations of one link of all of them: eight vec4s, each component a product and a sum. */
const CHAINS = [0, 1, 2, 3, 4, 5, 6, 7];
export const OPERATIONS_PER_LINK = CHAINS.length * 4 * 2;

/** The result is stored, so that no compiler can eliminate the work. */
export const multiplyAddKernel = (threads: number, links: number): string => wgsl`
${linearMain(threads)}
  let a = x[index];
  let b = vec4<f32>(0.25) + a * 1e-3;
  ${CHAINS.map((i) => `var c${i} = a + ${i}.0;`).join(' ')}
  for (var i = 0u; i < ${links}u; i++) {
    ${CHAINS.map((i) => `c${i} = fma(c${i}, b, a);`).join(' ')}
  }
  y[index] = ${CHAINS.map((i) => `c${i}`).join(' + ')};
}
`;
