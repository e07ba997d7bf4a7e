// Conversion between numbers and f16 bits: host memory holds the bits, as Float16Array is not available everywhere yet.

/** The bits of the f16 nearest to `value`, ties to even; infinity from ±65,520. */
export function toFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  // Halfway between the largest f16 and 2^16.
  if (size >= 65520) return sign | 0x7c00;
  // Spacing of adjacent values: subnormals have that of the smallest normals.
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const [unit, first] = [2 ** (exponent - 10), (exponent + 14) << 10];
  return sign | (first + roundToEven(size / unit));
}

/** The value of an f16 given as bits. */
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

/** `toFloat16` of all `values`. f32 is converted on its bits, a hundred times faster: models have millions. */
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
  // 2^16 and above; 65,520 to 2^16 rounds up to the same bits in the next branch.
  if (size >= 0x47800000) return sign | 0x7c00;
  // Normal, from 2^-14: rebias the exponent and drop 13 bits, ties to even.
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

/** The values of f16s given as bits. */
export function fromFloat16Array(halves: Uint16Array): Float32Array<ArrayBuffer> {
  if (!numbers) {
    numbers = new Float32Array(0x10000);
    for (let bits = 0; bits < 0x10000; bits++) numbers[bits] = fromFloat16(bits);
  }
  const values = new Float32Array(halves.length);
  for (let i = 0; i < values.length; i++) values[i] = numbers[halves[i]];
  return values;
}
