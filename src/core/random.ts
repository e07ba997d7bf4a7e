// Counter-based random numbers: the same bits on the CPU and in WGSL, in whatever order they are drawn.

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];

/**
 * Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011):
 * two random 32-bit words from a key (k0, k1) and a counter (c0, c1). The same in WGSL: shaders/lib/threefry.wgsl.ts.
 */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const keys = [k0 | 0, k1 | 0, (k0 ^ k1 ^ 0x1bd11bda) | 0];
  let x = (c0 + keys[0]) | 0;
  let y = (c1 + keys[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round & 7];
    x = (x + y) | 0;
    y = ((y << r) | (y >>> (32 - r))) ^ x;
    if ((round & 3) === 3) {
      const injection = (round + 1) >> 2;
      x = (x + keys[injection % 3]) | 0;
      y = (y + keys[(injection + 1) % 3] + injection) | 0;
    }
  }
  return [x >>> 0, y >>> 0];
}

/** A uniform number in [0, 1) with 24 random bits from one random word: exact in f32. */
export const unitFloat = (word: number): number => (word >>> 8) * 2 ** -24;

/** A sequence of random numbers from a seed and a stream number, for initial weights, shuffles and synthetic data. */
export class RandomSource {
  readonly #seed: number;
  readonly #stream: number;
  #counter = 0;
  #spare: number | null = null;

  constructor(seed: number, stream = 0) {
    this.#seed = seed;
    this.#stream = stream;
  }

  /** A random 32-bit word. */
  word(): number {
    if (this.#spare !== null) {
      const word = this.#spare;
      this.#spare = null;
      return word;
    }
    const [first, second] = threefry2x32(this.#seed, this.#stream, this.#counter++, 0);
    this.#spare = second;
    return first;
  }

  /** A number in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * unitFloat(this.word());
  }

  /** An integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor((this.word() / 2 ** 32) * bound);
  }

  /** A number from the normal distribution with mean 0 and standard deviation 1 (Box–Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** 0 … length-1 in random order (Fisher–Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
