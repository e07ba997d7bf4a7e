// Threefry-2x32-20: the same bits on the GPU as threefry2x32 in src/core/random.ts.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

export const threefry: string = wgsl`
fn threefry2x32(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  let rotations = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  let keys = array<u32, 3>(key.x, key.y, key.x ^ key.y ^ 0x1bd11bdau);
  var x = counter.x + keys[0];
  var y = counter.y + keys[1];
  for (var round = 0u; round < 20u; round++) {
    let r = rotations[round & 7u];
    x += y;
    y = ((y << r) | (y >> (32u - r))) ^ x;
    if ((round & 3u) == 3u) {
      let injection = (round + 1u) >> 2u;
      x += keys[injection % 3u];
      y += keys[(injection + 1u) % 3u] + injection;
    }
  }
  return vec2<u32>(x, y);
}

// 32 random bits: two neighbouring elements share one call's two words.
fn random_word(seed: u32, run: u32, stream: u32, index: u32) -> u32 {
  let words = threefry2x32(vec2<u32>(seed, run), vec2<u32>(index >> 1u, stream));
  return select(words.x, words.y, (index & 1u) == 1u);
}

// A number in [0, 1) with 24 random bits.
fn random_uniform(seed: u32, run: u32, stream: u32, index: u32) -> f32 {
  return f32(random_word(seed, run, stream, index) >> 8u) * 0x1p-24f;
}
`;
