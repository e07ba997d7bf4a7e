// softmax(q · kᵀ · scale + mask) · v without the matrix of scores in memory (Dao et al., "FlashAttention", 2022): keys are
// read one after the other, and what is summed up so far is scaled down whenever a larger score comes (online softmax).
//
// Here: what all kernels of the family share, and the `serial` forward kernel, one thread a row of q, without barriers.
// attention-grad.wgsl.ts has the serial gradients, attention-tile.wgsl.ts forward and gradients in tiles (`flash`),
// attention-decode.wgsl.ts the kernel for a few rows of q and many keys.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { f32Literal } from '../lib/literal.wgsl.ts';
import { threefry } from '../lib/threefry.wgsl.ts';

/** Sizes: q [batch, heads, rows, depth], k [batch, keyHeads, keys, depth], v [batch, keyHeads, keys, width]. */
export interface AttentionShape {
  readonly batch: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly rows: number;
  readonly keys: number;
  readonly depth: number;
  readonly width: number;
  readonly scale: number;
  readonly causal: boolean;
  /** `mask` as it is read for [batch, heads, rows, keys]: numbers that are added, or 0 where a key takes no part (u32). */
  readonly mask: { readonly strides: readonly number[]; readonly type: 'f32' | 'f16' | 'u32' } | null;
  /** What `numbers` holds: how many keys there are (`length`), or the random key of dropout; null where it is absent. */
  readonly numbers: 'length' | 'dropout' | null;
  readonly dropout: { readonly p: number; readonly stream: number };
  /** Type of q, k, v and of what is computed of them. */
  readonly half: boolean;
}

/** The score of a key that takes no part. The largest finite number stands for infinity. */
export const MASKED = '-3.4028234663852886e38f';
/** A WGSL condition: `score` (a number or a vector) is that of a key that takes part. */
export const isLive = (score: string, vector = false): string =>
  `${score} > ${vector ? 'vec4<f32>(-3e38f)' : '-3e38f'}`;

/** vec4 that hold `size` numbers. */
export const quads = (size: number): number => Math.ceil(size / 4);

/** How a matrix of rows of `size` numbers is bound. */
export const bindingType = (size: number, half: boolean): 'vec4<f32>' | 'vec4<f16>' | 'f32' | 'f16' =>
  size % 4 === 0 ? (half ? 'vec4<f16>' : 'vec4<f32>') : half ? 'f16' : 'f32';

/** `load_NAME(row, quad)`: four neighbours of a matrix with rows of `size` numbers, zeros past a row's end. */
export const loadFunction = (name: string, size: number): string => wgsl`
fn load_${name}(row: u32, quad: u32) -> vec4<f32> {
#if ${size % 4 === 0}
  return vec4<f32>(${name}[row * ${size / 4}u + quad]);
#else
  // Without branches: places past the end read the row's last number, which is dropped.
  let columns = quad * 4u + vec4<u32>(0u, 1u, 2u, 3u);
  let at = row * ${size}u + min(columns, vec4<u32>(${Math.max(size, 1) - 1}u));
  let value = vec4<f32>(f32(${name}[at.x]), f32(${name}[at.y]), f32(${name}[at.z]), f32(${name}[at.w]));
  return select(vec4<f32>(0.0), value, columns < vec4<u32>(${size}u));
#endif
}
`;

/** `save_NAME(row, quad, value)`: the counterpart of `load_NAME`. Rows are `stride` apart and start at `start`. */
export function saveFunction(name: string, size: number, half: boolean, stride = size, start = 0, to = name): string {
  const type = half ? 'f16' : 'f32';
  return wgsl`
fn save_${name}(row: u32, quad: u32, value: vec4<f32>) {
#if ${[size, stride, start].every((count) => count % 4 === 0)}
  ${to}[row * ${stride / 4}u + ${start / 4}u + quad] = vec4<${type}>(value);
#else
  let at = row * ${stride}u + ${start}u + quad * 4u;
  let last = ${size}u - quad * 4u;
  ${to}[at] = ${type}(value.x);
  if (last > 1u) { ${to}[at + 1u] = ${type}(value.y); }
  if (last > 2u) { ${to}[at + 2u] = ${type}(value.z); }
  if (last > 3u) { ${to}[at + 3u] = ${type}(value.w); }
#endif
}
`;
}

/**
 * Which keys a row sees, what their scores become, and which of them dropout keeps: `keys_of`, `score_of` and `kept`. With
 * `four` also `score_four` and `kept_four`, for four pairs of a row and a key at once.
 */
export const scoreFunctions = (s: AttentionShape, four = false): string => wgsl`
#if ${s.numbers === 'dropout'}
${threefry}
#endif
${keysFunction(s, 'keys_of', 'u32')}
#if ${four}
${keysFunction(s, 'keys_of_four', 'vec4<u32>')}
${scoreFunction(s, 'score_four', 'vec4<u32>')}
fn kept_four(batch: u32, head: u32, row: vec4<u32>, key: vec4<u32>) -> vec4<f32> {
  var factors = vec4<f32>(1.0);
#if ${s.numbers === 'dropout'}
  for (var i = 0u; i < 4u; i++) { factors[i] = kept(batch, head, row[i], key[i]); }
#endif
  return factors;
}
#else
${scoreFunction(s, 'score_of', 'u32')}
#endif

// 0 where dropout drops a key for a row, else what its weight is multiplied by.
fn kept(batch: u32, head: u32, row: u32, key: u32) -> f32 {
#if ${s.numbers === 'dropout'}
  let index = ((batch * ${s.heads}u + head) * ${s.rows}u + row) * ${s.keys}u + key;
  let draw = random_uniform(numbers[0], numbers[1], ${s.dropout.stream}u, index);
  return select(${f32Literal(1 / (1 - s.dropout.p))}, 0.0, draw < ${f32Literal(s.dropout.p)});
#else
  return 1.0;
#endif
}
`;

/** One position, or four at once. */
type Positions = 'u32' | 'vec4<u32>';

/** Keys beyond the result take no part for a row. With a length, the rows are the last ones of that many positions. */
const keysFunction = (s: AttentionShape, name: string, type: Positions) => wgsl`
fn ${name}(row: ${type}) -> ${type} {
#if ${s.numbers === 'length'}
  let keys = ${type}(min(numbers[0], ${s.keys}u));
#else
  let keys = ${type}(${s.keys}u);
#endif
#if ${s.causal && s.numbers === 'length'}
  let reach = row + 1u + keys;
  return select(${type}(0u), min(reach - ${s.rows}u, keys), reach > ${type}(${s.rows}u));
#elif ${s.causal}
  return min(row + 1u, keys);
#else
  return keys;
#endif
}
`;

/** The score of a key for a row, from their product. */
function scoreFunction(s: AttentionShape, name: string, type: Positions): string {
  const [batchStride, headStride, rowStride, keyStride] = s.mask?.strides ?? [0, 0, 0, 0];
  const vector = type === 'vec4<u32>';
  const scalars = (of: string) => (vector ? `vec4<f32>(${['x', 'y', 'z', 'w'].map((c) => `f32(mask[${of}.${c}])`).join(', ')})` : `f32(mask[${of}])`); // prettier-ignore
  const number = vector ? 'vec4<f32>' : 'f32';
  return wgsl`
fn ${name}(batch: u32, head: u32, row: ${type}, key: ${type}, product: ${number}) -> ${number} {
  let exists = (row < ${type}(${s.rows}u)) & (key < ${vector ? 'keys_of_four' : 'keys_of'}(row));
  let score = product * ${f32Literal(s.scale)};
#if ${s.mask !== null}
  // Places outside read one inside, and what they read is dropped.
  let at = batch * ${batchStride}u + head * ${headStride}u +
    min(row, ${type}(${Math.max(s.rows, 1) - 1}u)) * ${rowStride}u + min(key, ${type}(${Math.max(s.keys, 1) - 1}u)) * ${keyStride}u;
  let value = ${scalars('at')};
#endif
#if ${s.mask?.type === 'u32'}
  return select(${number}(${MASKED}), score, exists & (value != ${number}(0.0)));
#elif ${s.mask !== null}
  return select(${number}(${MASKED}), score + value, exists & (${isLive('value', vector)}));
#else
  return select(${number}(${MASKED}), score, exists);
#endif
}
`;
}

/** Heads of q that share one head of k and v. */
export const groupOf = ({ heads, keyHeads }: AttentionShape): number => heads / keyHeads;

/** The row of q at `place` among all. Not a remainder by 1: what is compared with it as a vector is wrong on wgpu over SwiftShader. */
export const rowAt = ({ rows }: AttentionShape, place: string): string => (rows === 1 ? '0u' : `${place} % ${rows}u`);

/** Declares batch, head and row of the thread `index`, a row of q, and `first_key`, where its keys start in k and v. */
export const rowOfIndex = (s: AttentionShape): string => wgsl`
  let row = index % ${s.rows}u;
  let head = (index / ${s.rows}u) % ${s.heads}u;
  let batch = index / ${s.rows * s.heads}u;
  let first_key = (batch * ${s.keyHeads}u + head / ${groupOf(s)}u) * ${s.keys}u;
`;

/** The product of a row held in `held` (an array of vec4) with a row of another matrix. */
export const productFunction = (name: string, size: number): string => wgsl`
fn product_${name}(held: ptr<function, array<vec4<f32>, ${quads(size)}>>, row: u32, once: u32) -> f32 {
  var total = vec4<f32>(0.0);
  for (var d = 0u; d < ${turns(quads(size))}; d++) { total += (*held)[d] * load_${name}(row, d); }
  return dot(total, vec4<f32>(1.0));
}
`;

/** Statements that declare an array of vec4 with a matrix's row. */
export const holdRow = (held: string, name: string, size: number, row: string): string => wgsl`
  var ${held}: array<vec4<f32>, ${quads(size)}>;
  for (var d = 0u; d < ${turns(quads(size))}; d++) { ${held}[d] = load_${name}(${row}, d); }
`;

/** What all kernels of the family bind first: q, k, v, for gradients that of the output and the statistics, then what there is of the rest. */
export function attentionInputs(s: AttentionShape, isGradient = false): Binding[] {
  const [ofDepth, ofWidth] = [bindingType(s.depth, s.half), bindingType(s.width, s.half)];
  return [
    { name: 'q', type: ofDepth },
    { name: 'k', type: ofDepth },
    { name: 'v', type: ofWidth },
    ...(isGradient ? [{ name: 'g', type: ofWidth }, { name: 'statistics', type: 'f32' } as const] : []),
    ...(s.mask ? [{ name: 'mask', type: s.mask.type }] : []),
    ...(s.numbers ? [{ name: 'numbers', type: 'u32' } as const] : []),
  ]; // prettier-ignore
}

/** The rows, and for each its largest score and 1 / Σ e^(score − that). */
export const attentionOutputs = (s: AttentionShape): Binding[] => [
  { name: 'o', type: bindingType(s.width, s.half) },
  { name: 'sums', type: 'f32' },
];

export const attentionSerial = (s: AttentionShape): Kernel => ({
  name: 'attention.serial',
  inputs: attentionInputs(s),
  outputs: attentionOutputs(s),
  workgroups: linearGrid(s.batch * s.heads * s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
${scoreFunctions(s)}
${loadFunction('q', s.depth)}
${loadFunction('k', s.depth)}
${loadFunction('v', s.width)}
${saveFunction('o', s.width, s.half)}
${productFunction('k', s.depth)}
${linearMain(s.batch * s.heads * s.rows)}
  ${rowOfIndex(s)}
  ${holdRow('query', 'q', s.depth, 'index')}
  var values: array<vec4<f32>, ${quads(s.width)}>;
  var largest = ${MASKED};
  var total = 0.0;
  let end = keys_of(row);
  for (var key = 0u; key < end; key++) {
    let score = score_of(batch, head, row, key, product_k(&query, first_key + key, once));
    if (!(${isLive('score')})) { continue; }
    if (score > largest) {
      let shrink = exp(largest - score);
      total *= shrink;
      for (var d = 0u; d < ${turns(quads(s.width))}; d++) { values[d] *= shrink; }
      largest = score;
    }
    let weight = exp(score - largest);
    total += weight;
    let factor = weight * kept(batch, head, row, key);
    for (var d = 0u; d < ${turns(quads(s.width))}; d++) { values[d] += factor * load_v(first_key + key, d); }
  }
  // A row that sees no key gives zeros.
  let inverse = select(0.0, 1.0 / total, total > 0.0);
  for (var d = 0u; d < ${turns(quads(s.width))}; d++) { save_o(index, d, values[d] * inverse); }
  sums[index * 2u] = largest;
  sums[index * 2u + 1u] = inverse;
}
`,
});
