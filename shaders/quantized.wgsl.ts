// y = x · Wᵀ with W as whole numbers of 4 or 8 bits, packed into u32, and one scale for each group along a row of W.
//
// The numbers become floats in registers and are never stored. A word holds 8 or 4 neighbours of one row, lowest bits first.
// serial  thread an output: walks its row of W. No barrier.
// tree    workgroup an output of one row of x: neighbouring threads read neighbouring words, then a tree adds them up. For
//         the few rows of token-by-token generation, which is bound by reading W once.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';

export interface QuantizedShape {
  /** Rows of x, rows of W, and the length of both. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly group: number;
}

/** Threads that share one output. */
export const TREE = 64;

/** Adds the products of word `word` of row `n` of W with row `m` of x. */
const wordFunction = ({ k, bits, group }: QuantizedShape) => {
  const each = 32 / bits;
  return wgsl`
fn products(m: u32, n: u32, word: u32) -> f32 {
  let packed_word = packed[n * ${k / each}u + word];
  let start = m * ${k}u + word * ${each}u;
  var total = 0.0;
  for (var i = 0u; i < ${each}u; i++) {
    // Up to the top, then down again: the sign follows.
    let value = bitcast<i32>(packed_word << (${32 - bits}u - i * ${bits}u)) >> ${32 - bits}u;
    total += f32(value) * x[start + i];
  }
  return total * f32(scales[n * ${k / group}u + word * ${each}u / ${group}u]);
}
`;
};

export const quantizedSerialKernel = (s: QuantizedShape): string => wgsl`
${wordFunction(s)}
${linearMain(s.m * s.n)}
  var total = 0.0;
  for (var word = 0u; word < ${(s.k * s.bits) / 32}u; word++) { total += products(index / ${s.n}u, index % ${s.n}u, word); }
  store_y(index, total);
}
`;

export const quantizedTreeKernel = (s: QuantizedShape): string => wgsl`
${wordFunction(s)}
var<workgroup> sums: array<f32, ${TREE}>;

@compute @workgroup_size(${TREE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = group.y * groups.x + group.x;
  if (index >= ${s.m * s.n}u) { return; }
  var total = 0.0;
  for (var word = local; word < ${(s.k * s.bits) / 32}u; word += ${TREE}u) {
    total += products(index / ${s.n}u, index % ${s.n}u, word);
  }
  sums[local] = total;
  for (var half = ${TREE / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (local < half) { sums[local] += sums[local + half]; }
  }
  if (local == 0u) { store_y(index, sums[0]); }
}
`;
