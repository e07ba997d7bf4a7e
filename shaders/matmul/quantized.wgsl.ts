// How kernels read a b of 4-bit or 8-bit integers, packed into u32, with a scale for each group along a row.
//
// The integers are dequantized in registers or workgroup memory only. A word holds 8 or 4 neighbours of one row, lowest bits
// first. Products of many rows use matmul's own kernels with a different `load_b`. In addition:
//
// tree    one workgroup per column and up to four rows of c: neighbouring threads read neighbouring words, then the sums are
//         reduced in a tree. For the few rows of token-by-token generation, which is bound by reading b once.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Kernel } from '../../src/core/kernel.ts';
import { reads } from '../lib/bindings.ts';
import { matmulKernel, type MatmulShape, type PackedOperand } from './matmul.wgsl.ts';

/** The shape of packed weights [N, K]. */
export interface PackedShape {
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly group: number;
  /** The types of scales and zeros. With zeros the integers are unsigned, and each group's zero is subtracted. */
  readonly scales: 'f32' | 'f16';
  readonly zeros: 'f32' | 'f16' | null;
}

/** Threads that share one column, and the rows of c that they compute. */
const [TREE, TREE_ROWS] = [64, 4];

/** Unpacks four neighbours from a word that was shifted to the first of them. */
const fourFunction = ({ bits, zeros }: PackedShape) => wgsl`
fn four(word: u32) -> vec4<f32> {
#if ${zeros !== null}
  return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, ${bits}u, ${2 * bits}u, ${3 * bits}u)) & vec4<u32>(${2 ** bits - 1}u));
#else
  // Shifted to the top of the word, then down with sign extension.
  let top = vec4<u32>(word) << vec4<u32>(${32 - bits}u, ${32 - 2 * bits}u, ${32 - 3 * bits}u, ${32 - 4 * bits}u);
  return vec4<f32>(bitcast<vec4<i32>>(top) >> vec4<u32>(${32 - bits}u));
#endif
}
`;

const scaled = (four: string, { zeros }: PackedShape): string =>
  `${zeros ? `(${four} - f32(zeros[in_group]))` : four} * f32(scales[in_group])`;

/** The weights as b of a product. */
export const packedOperand = (s: PackedShape): PackedOperand => ({
  bindings: [...reads('u32', 'packed'), ...reads(s.scales, 'scales'), ...(s.zeros ? reads(s.zeros, 'zeros') : [])],
  load: wgsl`
${fourFunction(s)}
fn load_b(base: u32, row: u32, column: u32) -> vec4<f32> {
  let at = min(row, ${Math.max(s.n, 1) - 1}u) * ${s.k}u + min(column, ${s.k - 4}u);
  let word = packed[at / ${32 / s.bits}u] >> (at % ${32 / s.bits}u * ${s.bits}u);
  let in_group = at / ${s.group}u;
  return select(vec4<f32>(0.0), ${scaled('four(word)', s)}, row < ${s.n}u && column < ${s.k}u);
}
`,
});

export function quantizedTree(product: MatmulShape, s: PackedShape): Kernel {
  const { m, type } = product;
  const groups = s.n * Math.ceil(m / TREE_ROWS);
  const each = 32 / s.bits;
  const rows = Array.from({ length: Math.min(m, TREE_ROWS) }, (_, r) => r);
  const quads = Array.from({ length: each / 4 }, (_, q) => q);
  const row = (r: number) => `min(first + ${r}u, ${m - 1}u) * ${s.k / 4}u`;
  const text = wgsl`
${fourFunction(s)}
var<workgroup> sums: array<vec4<f32>, ${TREE}>;

@compute @workgroup_size(${TREE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let number = group.y * groups.x + group.x;
  if (number >= ${groups}u) { return; }
  let column = number % ${s.n}u;
  let first = number / ${s.n}u * ${TREE_ROWS}u;
  ${rows.map((r) => `let row_${r} = ${row(r)}; var total_${r} = 0.0;`).join('\n  ')}
  for (var at = local; at < ${s.k / each}u; at += ${TREE}u) {
    let word = packed[column * ${s.k / each}u + at];
    let in_group = column * ${s.k / s.group}u + at * ${each}u / ${s.group}u;
    ${quads.map((q) => `let four_${q} = ${scaled(`four(word >> ${q * 4 * s.bits}u)`, s)};`).join('\n    ')}
    ${rows.flatMap((r) => quads.map((q) => `total_${r} += dot(four_${q}, vec4<f32>(a[row_${r} + at * ${each / 4}u + ${q}u]));`)).join('\n    ')}
  }
  sums[local] = vec4<f32>(${Array.from({ length: 4 }, (_, r) => (r < rows.length ? `total_${r}` : '0.0')).join(', ')});
  for (var half = ${TREE / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (local < half) { sums[local] += sums[local + half]; }
  }
  if (local == 0u) {
    ${rows.map((r) => `if (first + ${r}u < ${m}u) { store_c((first + ${r}u) * ${s.n}u + column, ${type}(sums[0][${r}])); }`).join('\n    ')}
  }
}
`;
  return matmulKernel(product, 'tree', text, { vectors: [true, false, false], groups });
}
