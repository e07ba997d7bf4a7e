// Rotary positions (Su et al., "RoFormer", 2021): pairs of values rotated by an angle that grows with the position.
//
// Angles are computed as fractions of a turn in integers, position · step modulo 2³² (a step has 64 bits, the lower 32 after
// the point). This is exact at any position, whereas position · frequency in f32 is off by 1e-3 from 10⁴ on, and WGSL
// guarantees sines of small angles only. Sine and cosine are Taylor series over ± an eighth of a turn.
// Thread map: one thread per element. No barrier: one variant for all.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';

export interface RotaryShape {
  readonly size: number;
  /** Sizes of the last two axes, and the number of pairs that rotate. */
  readonly rows: number;
  readonly depth: number;
  readonly pairs: number;
  /** True pairs neighbours, false values that are `pairs` apart. */
  readonly interleaved: boolean;
  /** Rotates backwards. */
  readonly inverse: boolean;
  /** True if `position` has one entry per row, false if only that of the first row. */
  readonly perRow: boolean;
  /** Types of x and of the positions. */
  readonly type: 'f32' | 'f16';
  readonly position: 'i32' | 'u32';
}

export const rotaryPairs = (s: RotaryShape): Kernel => ({
  name: 'rotary.gather',
  inputs: [
    { name: 'x', type: s.type },
    { name: 'steps', type: 'u32' },
    { name: 'position', type: s.position },
  ],
  outputs: [{ name: 'y', type: s.type, store: true }],
  workgroups: linearGrid(s.size, LINEAR_WORKGROUP),
  wgsl: wgsl`
// The upper 32 bits of a · b, exact except for the last two.
fn upper(a: u32, b: u32) -> u32 {
  return (a >> 16u) * (b >> 16u) + (((a >> 16u) * (b & 0xffffu)) >> 16u) + (((a & 0xffffu) * (b >> 16u)) >> 16u);
}

// Cosine and sine of an angle in units of 2^-32 turns.
fn circle(turn: u32) -> vec2<f32> {
  let quarter = (turn + 0x20000000u) >> 30u;
  let a = f32(bitcast<i32>(turn - (quarter << 30u))) * 1.4629180792671596e-9;  // 2 pi / 2^32
  let z = a * a;
  let c = 1.0 + z * (-0.5 + z * (0.041666666666666664 + z * (-0.001388888888888889 + z * 2.48015873015873e-5)));
  let s = a * (1.0 + z * (-0.16666666666666666 + z * (0.008333333333333333 + z * (-0.0001984126984126984 + z * 2.7557319223985893e-6))));
  let turned = select(vec2<f32>(c, s), vec2<f32>(-s, c), (quarter & 1u) == 1u);
  return select(turned, -turned, (quarter & 2u) == 2u);
}

${linearMain(s.size)}
  let d = index % ${s.depth}u;
  let own = f32(x[index]);
  if (d >= ${2 * s.pairs}u) {
    store_y(index, ${s.type === 'f16' ? 'f16(own)' : 'own'});
    return;
  }
#if ${s.interleaved}
  let pair = d >> 1u;
  let second = (d & 1u) == 1u;
  let other = f32(x[select(index + 1u, index - 1u, second)]);
#else
  let pair = d % ${s.pairs}u;
  let second = d >= ${s.pairs}u;
  let other = f32(x[select(index + ${s.pairs}u, index - ${s.pairs}u, second)]);
#endif
  let row = (index / ${s.depth}u) % ${s.rows}u;
#if ${s.perRow}
  let at = u32(position[row]);
#else
  let at = u32(position[0]) + row;
#endif
  let turned = circle(at * steps[2u * pair] + upper(at, steps[2u * pair + 1u]));
  let result = own * turned.x + select(-1.0, 1.0, second${s.inverse ? ' != true' : ''}) * other * turned.y;
  store_y(index, ${s.type === 'f16' ? 'f16(result)' : 'result'});
}
`,
});
