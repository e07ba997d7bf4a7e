// The CPU reference of attention and its gradients: plain loops over rows and keys, in float64.

import { groupOf, type AttentionShape } from '../../../shaders/attention/attention.wgsl.ts';
import type { CpuArray } from '../../core/op.ts';
import { threefry2x32, unitFloat } from '../../core/random.ts';

/** Stands for -Infinity, as in the kernels. */
const LOWEST = -3.4028234663852886e38;

/** Arrays of a call by name. */
export interface AttentionArrays {
  readonly q: CpuArray;
  readonly k: CpuArray;
  readonly v: CpuArray;
  readonly mask?: CpuArray;
  readonly numbers?: CpuArray;
}

/** A row of q: its indices, its flat index, that of its first key, and the exclusive end of the keys it sees. */
interface Row {
  readonly batch: number;
  readonly head: number;
  readonly row: number;
  readonly at: number;
  readonly firstKey: number;
  readonly end: number;
}

function* rowsOf(s: AttentionShape, numbers: CpuArray | undefined): Generator<Row> {
  const keys = s.numbers === 'length' ? Math.min(numbers![0] >>> 0, s.keys) : s.keys;
  const shift = s.numbers === 'length' ? keys - s.rows : 0;
  for (let batch = 0; batch < s.batch; batch++) {
    for (let head = 0; head < s.heads; head++) {
      const firstKey = (batch * s.keyHeads + Math.floor(head / groupOf(s))) * s.keys;
      for (let row = 0; row < s.rows; row++) {
        const end = s.causal ? Math.max(0, Math.min(row + 1 + shift, keys)) : keys;
        yield { batch, head, row, at: (batch * s.heads + head) * s.rows + row, firstKey, end };
      }
    }
  }
}

function dot(a: CpuArray, atA: number, b: CpuArray, atB: number, size: number): number {
  let total = 0;
  for (let d = 0; d < size; d++) total += a[atA * size + d] * b[atB * size + d];
  return total;
}

/** Offset of a row's and key's value in the mask. */
const maskPlace = ({ strides: [b, h, r, c] }: NonNullable<AttentionShape['mask']>, row: Row, key: number): number =>
  row.batch * b + row.head * h + row.row * r + key * c;

/** The score of a key that the row sees; -Infinity if the mask excludes it. */
function scoreOf(s: AttentionShape, { q, k, mask }: AttentionArrays, row: Row, key: number): number {
  const score = s.scale * dot(q, row.at, k, row.firstKey + key, s.depth);
  if (!s.mask) return score;
  const value = mask![maskPlace(s.mask, row, key)];
  if (s.mask.type === 'u32') return value === 0 ? -Infinity : score;
  return value > -3e38 ? score + value : -Infinity;
}

/** The factor that dropout applies to a weight, from the bits that uniform() draws for [batch, heads, rows, keys]. */
function kept(s: AttentionShape, numbers: CpuArray | undefined, { at }: Row, key: number): number {
  if (s.numbers !== 'dropout') return 1;
  const index = (at * s.keys + key) >>> 0;
  const words = threefry2x32(numbers![0], numbers![1], index >>> 1, s.dropout.stream);
  return unitFloat(words[index & 1]) < Math.fround(s.dropout.p) ? 0 : 1 / (1 - s.dropout.p);
}

/** Computes o and, for each row, its largest score and 1 / Σ e^(score − largest), which is 0 if no key takes part. */
export function attentionForward(s: AttentionShape, arrays: AttentionArrays, o: CpuArray, sums: CpuArray): void {
  const scores = new Float64Array(s.keys);
  for (const row of rowsOf(s, arrays.numbers)) {
    let largest = -Infinity;
    for (let key = 0; key < row.end; key++) {
      scores[key] = scoreOf(s, arrays, row, key);
      largest = Math.max(largest, scores[key]);
    }
    // Rounded first, so that the sum matches the stored value.
    largest = Math.fround(largest);
    sums[2 * row.at] = Math.max(largest, LOWEST);
    if (largest === -Infinity) continue;
    let total = 0;
    for (let key = 0; key < row.end; key++) total += Math.exp(scores[key] - largest);
    sums[2 * row.at + 1] = 1 / total;
    const values = new Float64Array(s.width);
    for (let key = 0; key < row.end; key++) {
      const weight = (Math.exp(scores[key] - largest) / total) * kept(s, arrays.numbers, row, key);
      const from = (row.firstKey + key) * s.width;
      for (let d = 0; d < s.width; d++) values[d] += weight * arrays.v[from + d];
    }
    for (let d = 0; d < s.width; d++) o[row.at * s.width + d] = values[d];
  }
}

/** A row and a key that takes part in it: its weight, dropout included, and the gradient of its score. */
export interface Pair {
  readonly row: number;
  readonly key: number;
  readonly mask: number;
  readonly weight: number;
  readonly change: number;
}

/** Calls `visit` for each pair of a row of q and a key that takes part in it; `g` is the gradient of o. */
export function forPairs(
  s: AttentionShape,
  arrays: AttentionArrays & { readonly g: CpuArray; readonly statistics: CpuArray },
  visit: (pair: Pair) => void,
): void {
  const { v, g, numbers, statistics } = arrays;
  for (const row of rowsOf(s, numbers)) {
    for (let key = 0; key < row.end; key++) {
      const score = scoreOf(s, arrays, row, key);
      if (score === -Infinity) continue;
      const at = row.firstKey + key;
      const probability = Math.exp(score - statistics[3 * row.at]) * statistics[3 * row.at + 1];
      const keeps = kept(s, numbers, row, key);
      const change = probability * (keeps * dot(g, row.at, v, at, s.width) - statistics[3 * row.at + 2]);
      visit({ row: row.at, key: at, mask: s.mask ? maskPlace(s.mask, row, key) : 0, weight: probability * keeps, change }); // prettier-ignore
    }
  }
}
