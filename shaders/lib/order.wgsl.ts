// Order-preserving u32 keys: floats by their bits, without loss, with NaN as the largest.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** `order_key(value)` for values of `type`; 0 and -0 are equal. */
export const orderKey = (type: 'f32' | 'i32' | 'u32'): string => wgsl`
fn order_key(value: ${type}) -> u32 {
#if ${type === 'f32'}
  let bits = bitcast<u32>(value);
  if ((bits << 1u) == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
#elif ${type === 'i32'}
  return bitcast<u32>(value) ^ 0x80000000u;
#else
  return value;
#endif
}
`;
