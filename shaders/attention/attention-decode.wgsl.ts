// Attention of a few rows of q to many keys (`decode`): the keys are split among workgroups, and the parts merged afterwards.
//
// split   one workgroup per row of q and part of the keys. 128 threads in slots of up to 32 lanes: a slot takes four keys at a
//         time, each lane a share of the last dimension, so that k and v are read contiguously. The lanes of a slot add up
//         their products through workgroup memory; each slot has an online softmax of its own.
// merge   one thread per vec4 of a row's output: the parts' sums, rescaled to the overall largest score.
// A part past the run-time length reads nothing, so that cost grows with the actual length. Forward only: decoding does not
// train.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Variant } from '../../src/core/kernel.ts';
import {
  attentionInputs, attentionOutputs,
  groupOf, isLive, loadFunction, MASKED, quads, rowAt, saveFunction, scoreFunctions, type AttentionShape,
} from './attention.wgsl.ts'; // prettier-ignore
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { repeat } from '../lib/text.ts';

/** Rows of q up to which the variant pays off: k and v are read again for each. */
export const DECODE_ROWS = 8;
const THREADS = 128;
/** Workgroups that keep a GPU busy, and the fewest keys that are worth a workgroup. */
const [BUSY, LEAST_KEYS] = [256, 128];

const rowsOf = (s: AttentionShape): number => s.batch * s.heads * s.rows;
const FOUR = [0, 1, 2, 3];

/** Number of parts into which the keys are split. */
const decodeParts = (s: AttentionShape): number =>
  Math.max(1, Math.min(Math.ceil(BUSY / Math.max(1, rowsOf(s))), Math.ceil(s.keys / LEAST_KEYS)));

/** The variant `decode`: a kernel for parts of the keys, and one that merges their sums. */
export function attentionDecode(s: AttentionShape): Variant {
  const inputs = attentionInputs(s);
  const outputs = attentionOutputs(s);
  const parts: Binding = { name: 'parts', type: 'vec4<f32>' };
  return {
    name: 'decode',
    // For each row and part: its sums, then its largest score and Σ e^(score − largest).
    scratch: [{ shape: [rowsOf(s), decodeParts(s), quads(s.width) + 1, 4], dtype: 'f32' }],
    kernels: [
      {
        name: 'attention.decode',
        inputs: [...inputs, parts],
        outputs: outputs.map(() => null),
        workgroups: linearGrid(rowsOf(s) * decodeParts(s), 1),
        wgsl: decodeText(s),
      },
      {
        name: 'attention.merge',
        inputs: [...inputs.map(() => null), parts],
        outputs,
        workgroups: linearGrid(rowsOf(s) * quads(s.width), LINEAR_WORKGROUP),
        wgsl: mergeText(s),
      },
    ],
  };
}

function decodeText(s: AttentionShape): string {
  const widest = Math.max(quads(s.depth), quads(s.width), 1);
  const lanes = Math.min(32, 2 ** Math.ceil(Math.log2(widest)));
  const slots = THREADS / lanes;
  const parts = decodeParts(s);
  const span = Math.ceil(s.keys / parts);
  const [ofDepth, ofWidth] = [s.depth, s.width].map((size) => Math.ceil(quads(size) / lanes));
  const quad = (i: number) => `${i * lanes}u + lane`;
  const inside = (i: number, size: number) => `${quad(i)} < ${quads(size)}u`;
  const key = (i: number) => `keys_start + min(first + slot + ${i * slots}u, ${s.keys - 1}u)`;
  return wgsl`
var<workgroup> exchange: array<vec4<f32>, ${THREADS}>;  // [slot][lane]
${scoreFunctions(s, true)}
${loadFunction('q', s.depth)}
${loadFunction('k', s.depth)}
${loadFunction('v', s.width)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) thread: u32) {
  let index = group.y * groups.x + group.x;
  if (index >= ${rowsOf(s) * parts}u) { return; }
  let at = index / ${parts}u;
  let row = ${rowAt(s, 'at')};
  let head = (at / ${s.rows}u) % ${s.heads}u;
  let batch = at / ${s.rows * s.heads}u;
  let keys_start = (batch * ${s.keyHeads}u + head / ${groupOf(s)}u) * ${s.keys}u;
  let end = min((index % ${parts}u + 1u) * ${span}u, keys_of(row));
  let lane = thread % ${lanes}u;
  let slot = thread / ${lanes}u;
  ${repeat(ofDepth, (i) => `let q${i} = select(vec4<f32>(0.0), load_q(at, min(${quad(i)}, ${Math.max(quads(s.depth), 1) - 1}u)), ${inside(i, s.depth)});`)}
  ${repeat(ofWidth, (i) => `var sum${i} = vec4<f32>(0.0);`)}
  var largest = ${MASKED};
  var total = 0.0;
  for (var first = (index % ${parts}u) * ${span}u; first < end; first += ${4 * slots}u) {
    var products = vec4<f32>(0.0);  // of four keys with this lane's share of the row
    ${repeat(ofDepth, (i) => `if (${inside(i, s.depth)}) { products += vec4<f32>(${FOUR.map((c) => `dot(q${i}, load_k(${key(c)}, ${quad(i)}))`).join(', ')}); }`)}
    exchange[thread] = products;
    workgroupBarrier();
    products = vec4<f32>(0.0);
    for (var i = 0u; i < ${lanes}u; i++) { products += exchange[slot * ${lanes}u + i]; }
    workgroupBarrier();
    let keys = first + slot + vec4<u32>(${FOUR.map((c) => `${c * slots}u`).join(', ')});
    var scores = score_four(batch, head, vec4<u32>(row), keys, products);
    // Excludes keys of the next part.
    scores = select(vec4<f32>(${MASKED}), scores, keys < vec4<u32>(end));
    let before = largest;
    largest = max(largest, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    let shrink = exp(before - largest);
    var p = select(vec4<f32>(0.0), exp(scores - largest), ${isLive('scores', true)});
    total = total * shrink + dot(p, vec4<f32>(1.0));
    p *= kept_four(batch, head, vec4<u32>(row), keys);
    ${repeat(ofWidth, (i) => `if (${inside(i, s.width)}) { sum${i} = sum${i} * shrink + ${FOUR.map((c) => `p[${c}] * load_v(${key(c)}, ${quad(i)})`).join(' + ')}; }`)}
  }
  exchange[thread] = vec4<f32>(largest, total, 0.0, 0.0);
  workgroupBarrier();
  var overall = largest;
  for (var i = 0u; i < ${slots}u; i++) { overall = max(overall, exchange[i * ${lanes}u].x); }
  total = 0.0;
  for (var i = 0u; i < ${slots}u; i++) {
    let other = exchange[i * ${lanes}u];
    total += other.y * exp(other.x - overall);
  }
  let factor = exp(largest - overall);
  ${repeat(
    ofWidth,
    (i) => `
  workgroupBarrier();
  exchange[thread] = sum${i} * factor;
  workgroupBarrier();
  if (slot == 0u && ${inside(i, s.width)}) {
    var merged = vec4<f32>(0.0);
    for (var i = 0u; i < ${slots}u; i++) { merged += exchange[i * ${lanes}u + lane]; }
    parts[index * ${quads(s.width) + 1}u + ${quad(i)}] = merged;
  }`,
  )}
  if (thread == 0u) { parts[index * ${quads(s.width) + 1}u + ${quads(s.width)}u] = vec4<f32>(overall, total, 0.0, 0.0); }
}
`;
}

/** The second kernel. */
function mergeText(s: AttentionShape): string {
  const [parts, stride] = [decodeParts(s), quads(s.width) + 1];
  return wgsl`
${saveFunction('o', s.width, s.half)}
${linearMain(rowsOf(s) * quads(s.width))}
  let row = index / ${quads(s.width)}u;
  let quad = index % ${quads(s.width)}u;
  var largest = ${MASKED};
  for (var i = 0u; i < ${parts}u; i++) {
    largest = max(largest, parts[(row * ${parts}u + i) * ${stride}u + ${stride - 1}u].x);
  }
  var total = 0.0;
  var sum = vec4<f32>(0.0);
  for (var i = 0u; i < ${parts}u; i++) {
    let start = (row * ${parts}u + i) * ${stride}u;
    let part = parts[start + ${stride - 1}u];
    let factor = exp(part.x - largest);
    total += factor * part.y;
    sum += factor * parts[start + quad];
  }
  // A row that sees no key gives zeros.
  let inverse = select(0.0, 1.0 / total, total > 0.0);
  save_o(row, quad, sum * inverse);
  if (quad == 0u) {
    sums[row * 2u] = largest;
    sums[row * 2u + 1u] = inverse;
  }
}
`;
}
