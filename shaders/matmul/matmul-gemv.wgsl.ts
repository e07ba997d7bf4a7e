// c = a · b for one to four rows (or columns) of c, on GPUs.
//
// The larger operand is read once; each of its rows or columns accumulates up to four outputs in a vec4. If it is contiguous
// along the sum, 64 threads share each sum; if along the outputs, neighbouring threads have neighbouring outputs and 8 threads
// share each sum. Partial sums are reduced in workgroup memory. Arithmetic intensity: 0.5 flop per byte in f32, so bandwidth is
// the limit.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Kernel } from '../../src/core/kernel.ts';
import { bases, batchesOf, matmulKernel, type MatmulShape } from './matmul.wgsl.ts';

/** Most rows (or columns) of c that the gemv variant computes. */
export const GEMV_ROWS = 4;
const GEMV_WORKGROUP = 256;

/** How a product with few rows or columns reads its operands: `few` has up to four of these, `many` is the larger operand. */
function gemvPlan(s: MatmulShape) {
  const [aRow, aColumn] = s.transposeA ? [1, s.m] : [s.k, 1];
  const [bRow, bColumn] = s.transposeB ? [1, s.k] : [s.n, 1];
  const a = { name: 'a', count: s.m, stride: aRow, alongSum: aColumn, inC: s.n };
  const b = { name: 'b', count: s.n, stride: bColumn, alongSum: bRow, inC: 1 };
  const [few, many] = s.m <= s.n ? [a, b] : [b, a];
  // Threads that share one sum: neighbouring threads read neighbouring elements.
  const lanes = many.alongSum === 1 ? 64 : 8;
  return { few, many, lanes, perGroup: GEMV_WORKGROUP / lanes };
}

export function matmulGemv(s: MatmulShape): Kernel {
  const { few, many, lanes, perGroup } = gemvPlan(s);
  const groupsOfMany = Math.ceil(many.count / perGroup);
  const groups = groupsOfMany * batchesOf(s);
  const alongSum = many.alongSum === 1;
  const fewAt = (i: number) =>
    i < few.count ? `f32(${few.name}[base_${few.name} + ${i * few.stride}u + k * ${few.alongSum}u])` : '0.0';
  const text = wgsl`
var<workgroup> partial: array<vec4<f32>, ${GEMV_WORKGROUP}>;

@compute @workgroup_size(${GEMV_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let number = group.y * groups.x + group.x;
  if (number >= ${groups}u) { return; }
  let batch = number / ${groupsOfMany}u;
  ${bases(s)}
#if ${alongSum}
  let lane = local % ${lanes}u;
  let within = local / ${lanes}u;
#else
  let lane = local / ${perGroup}u;
  let within = local % ${perGroup}u;
#endif
  let wanted = number % ${groupsOfMany}u * ${perGroup}u + within;
  let column = min(wanted, ${many.count - 1}u);
  var total = vec4<f32>();
  for (var k = lane; k < ${s.k}u; k += ${lanes}u) {
    let value = f32(${many.name}[base_${many.name} + column * ${many.stride}u + k * ${many.alongSum}u]);
    total += value * vec4<f32>(${[0, 1, 2, 3].map(fewAt).join(', ')});
  }
  let own = within * ${lanes}u + lane;
  partial[own] = total;
  for (var width = ${lanes / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (lane < width) { partial[own] += partial[own + width]; }
  }
  if (lane == 0u && wanted == column) {
    let at = batch * ${s.m * s.n}u + column * ${many.inC}u;
    ${Array.from({ length: few.count }, (_, i) => `store_c(at + ${i * few.inC}u, ${s.type}(partial[own][${i}]));`).join('\n    ')}
  }
}
`;
  return matmulKernel(s, 'gemv', text, { vectors: [false, false, false], groups });
}
