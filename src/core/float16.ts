// Numbers to and from the 16 bits of an f16: host memory holds the bits, as JavaScript has no such array everywhere yet.

/** The f16 nearest to `value`, ties to even, as bits; beyond ±65,504 infinity. */
export function toFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  // Halfway to the number after the largest.
  if (size >= 65520) return sign | 0x7c00;
  // Distance of neighbours: subnormal numbers all have that of the smallest normal ones.
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const [unit, first] = [2 ** (exponent - 10), (exponent + 14) << 10];
  return sign | (first + roundToEven(size / unit));
}

/** The number that the bits of an f16 stand for. */
export function fromFloat16(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction : fraction + 1024) * 2 ** (Math.max(exponent, 1) - 25);
}

function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** All of `values` as `toFloat16` rounds them: f32 by their bits, at a hundredth of its time. Models have millions. */
export function toFloat16Array(values: Float32Array | Float64Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  if (values instanceof Float64Array) {
    for (let i = 0; i < halves.length; i++) halves[i] = toFloat16(values[i]);
    return halves;
  }
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = halfOf(words[i]);
  return halves;
}

/** The f16 nearest to the f32 of these bits. */
function halfOf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fffffff;
  if (size > 0x7f800000) return 0x7e00;
  // From 2^16 on; what lies between the largest f16 and that is rounded up to the same bits below.
  if (size >= 0x47800000) return sign | 0x7c00;
  // From 2^-14 on: another bias of the exponent, and 13 bits less, of which ties round to even.
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  if (size <= 0x33000000) return sign;
  // Subnormal: a multiple of 2^-24.
  const shift = 126 - (size >>> 23);
  const fraction = (size & 0x7fffff) | 0x800000;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const below = fraction >>> shift;
  return sign | (below + (rest > half || (rest === half && below & 1) ? 1 : 0));
}

let numbers: Float32Array | undefined;

/** The numbers that these f16 stand for. */
export function fromFloat16Array(halves: Uint16Array): Float32Array<ArrayBuffer> {
  if (!numbers) {
    numbers = new Float32Array(0x10000);
    for (let bits = 0; bits < 0x10000; bits++) numbers[bits] = fromFloat16(bits);
  }
  const values = new Float32Array(halves.length);
  for (let i = 0; i < values.length; i++) values[i] = numbers[halves[i]];
  return values;
}
