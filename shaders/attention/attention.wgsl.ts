// softmax(q · kᵀ · scale + mask) · v without the matrix of scores in memory (Dao et al., "FlashAttention", 2022): keys are read
// one by one, and the accumulator is rescaled whenever a larger score is found (online softmax).
//
// Here: what all kernels of the family share, and the `serial` forward kernel, one thread per row of q, without barriers.
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
  /** `mask` broadcast to [batch, heads, rows, keys]: floats that are added, or u32 that is 0 where a key takes no part. */
  readonly mask: { readonly strides: readonly number[]; readonly type: 'f32' | 'f16' | 'u32' } | null;
  /** What `numbers` holds: the number of keys (`length`), or the random key of dropout; null if it is absent. */
  readonly numbers: 'length' | 'dropout' | null;
  readonly dropout: { readonly p: number; readonly stream: number };
  /** True if q, k, v and the results are f16. */
  readonly half: boolean;
}

/** The score of a key that takes no part: the lowest finite number, instead of -Infinity. */
export const MASKED = '-3.4028234663852886e38f';
/** A WGSL condition: `score` (a scalar or a vec4) belongs to a key that takes part. */
export const isLive = (score: string, vector = false): string =>
  `${score} > ${vector ? 'vec4<f32>(-3e38f)' : '-3e38f'}`;

/** Number of vec4s that hold `size` values. */
export const quads = (size: number): number => Math.ceil(size / 4);

/** The binding type of a matrix with rows of `size` values. */
export const bindingType = (size: number, half: boolean): 'vec4<f32>' | 'vec4<f16>' | 'f32' | 'f16' =>
  size % 4 === 0 ? (half ? 'vec4<f16>' : 'vec4<f32>') : half ? 'f16' : 'f32';

/** `load_NAME(row, quad)`: four neighbours of a matrix with rows of `size` values, zero past a row's end. */
export const loadFunction = (name: string, size: number): string => wgsl`
fn load_${name}(row: u32, quad: u32) -> vec4<f32> {
#if ${size % 4 === 0}
  return vec4<f32>(${name}[row * ${size / 4}u + quad]);
#else
  // Without branches: positions past the end read the row's last value, which is discarded.
  let columns = quad * 4u + vec4<u32>(0u, 1u, 2u, 3u);
  let at = row * ${size}u + min(columns, vec4<u32>(${Math.max(size, 1) - 1}u));
  let value = vec4<f32>(f32(${name}[at.x]), f32(${name}[at.y]), f32(${name}[at.z]), f32(${name}[at.w]));
  return select(vec4<f32>(0.0), value, columns < vec4<u32>(${size}u));
#endif
}
`;

/** `save_NAME(row, quad, value)`: the counterpart of `load_NAME`. Rows have `stride` and begin at offset `start`. */
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
 * The keys that a row sees, their scores, and their dropout factors: `keys_of`, `score_of` and `kept`. With `four`,
 * `score_four` and `kept_four` for four pairs of a row and a key at once.
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

// The factor that dropout applies to a key's weight for a row: 0 if it is dropped.
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

/** The number of leading keys that take part for a row. With a length, the rows are the last of that many positions. */
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
  // Positions out of bounds are clamped, and their values discarded.
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

/** The row of flat index `place`. Not a remainder by 1, which wgpu on SwiftShader miscompiles in vector comparisons. */
export const rowAt = ({ rows }: AttentionShape, place: string): string => (rows === 1 ? '0u' : `${place} % ${rows}u`);

/** Declares batch, head and row of thread `index`, a row of q, and `first_key`, the start of its keys in k and v. */
export const rowOfIndex = (s: AttentionShape): string => wgsl`
  let row = index % ${s.rows}u;
  let head = (index / ${s.rows}u) % ${s.heads}u;
  let batch = index / ${s.rows * s.heads}u;
  let first_key = (batch * ${s.keyHeads}u + head / ${groupOf(s)}u) * ${s.keys}u;
`;

/** The dot product of a row in `held` (an array of vec4s) with a row of a matrix. */
export const productFunction = (name: string, size: number): string => wgsl`
fn product_${name}(held: ptr<function, array<vec4<f32>, ${quads(size)}>>, row: u32, once: u32) -> f32 {
  var total = vec4<f32>(0.0);
  for (var d = 0u; d < ${turns(quads(size))}; d++) { total += (*held)[d] * load_${name}(row, d); }
  return dot(total, vec4<f32>(1.0));
}
`;

/** Statements that load a matrix's row into an array of vec4s. */
export const holdRow = (held: string, name: string, size: number, row: string): string => wgsl`
  var ${held}: array<vec4<f32>, ${quads(size)}>;
  for (var d = 0u; d < ${turns(quads(size))}; d++) { ${held}[d] = load_${name}(${row}, d); }
`;

/** The inputs of all kernels of the family: q, k, v, for gradients g and the statistics, then mask and numbers if present. */
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

/** The outputs: o and, for each row, its largest score and 1 / Σ e^(score − largest). */
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
