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
