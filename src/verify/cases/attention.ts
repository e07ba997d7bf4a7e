// Attention in all its variants, blocks at run-time offsets, and rotary positions.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { type CheckTable } from '../allowed.ts';
import { booleans, floats, integers, type Values, type VerifyCase } from '../case.ts';

interface Sizes {
  readonly q: readonly number[];
  readonly keys: number;
  readonly heads?: number;
  readonly width?: number;
}

/** A case of attention; `more` are additional inputs by name. */
function attention(
  name: string,
  { q, keys, heads = q[1], width = q[3] }: Sizes,
  options: ops.AttentionOptions = {},
  more: Readonly<Record<string, Values>> = {},
): VerifyCase {
  const names = Object.keys(more);
  return {
    name,
    inputs: [floats(q), floats([q[0], heads, keys, q[3]]), floats([q[0], heads, keys, width]), ...Object.values(more)],
    call: ([query, k, v, ...others]: readonly Tensor[]) =>
      ops.scaledDotProductAttention(query, k, v, {
        ...options,
        ...Object.fromEntries(names.map((key, i) => [key, others[i]])),
      }),
  };
}

export const attentionChecks: CheckTable = {
  // Exponentials of scores up to 72, which f32 represents to 2⁻¹⁸. The gradient subtracts Σ g·o, which is rounded first.
  // Measured 0 and 6.9; 11 and 18.6. Without flash attention every step is rounded: 3.3 and 26; 4.9 and 19.5.
  scaledDotProductAttention: {
    cpu: [0, 24],
    gpu: [32, 62],
    cases: [
      attention('causal', { q: [1, 4, 70, 20], keys: 70, heads: 2 }, { isCausal: true, enableGqa: true }),
      attention('depth64', { q: [1, 2, 65, 64], keys: 33 }),
      attention('odd', { q: [2, 1, 33, 7], keys: 35, width: 5 }, { scale: 0.3 }, { mask: booleans([2, 1, 33, 35]) }),
      attention('bias', { q: [2, 2, 12, 8], keys: 31 }, {}, { bias: floats([2, 1, 31]) }),
      attention('wide', { q: [1, 1, 9, 40], keys: 40, width: 136 }),
      attention('dropped', { q: [1, 2, 17, 8], keys: 67 }, { dropoutP: 0.3 }),
      attention('oneRow', { q: [1, 3, 1, 64], keys: 300 }),
      attention('length', { q: [1, 2, 2, 33], keys: 150 }, { isCausal: true }, { length: integers([], 101, 101) }),
      attention('composed', { q: [1, 2, 9, 8], keys: 7 }, { flash: false, isCausal: true }),
    ],
  },
  // Angles have errors of a few 2⁻³² turns, sines of 2⁻²⁴. Measured 0.9 and 0.6; 2.5 and 1.5.
  rotary: {
    cpu: [2, 2],
    gpu: [6, 6],
    cases: [
      {
        name: 'halves',
        inputs: [floats([2, 3, 33, 64]), integers([], 900, 900)],
        call: ([x, offset]) => ops.rotary(x, { offset }),
      },
      {
        name: 'interleaved',
        inputs: [floats([5, 10]), integers([5], 0, 100_000, 'u32')],
        call: ([x, positions]) => ops.rotary(x, { positions, interleaved: true, size: 6 }),
      },
    ],
  },
  'scaledDotProductAttention without flash': { cpu: [12, 64], gpu: [16, 64], cases: [] },
};
