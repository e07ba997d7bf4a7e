// Functions that WGSL lacks or guarantees little accuracy for. An elementwise op names one of these texts as its helpers; they
// share no functions, so a fused kernel may contain each of them once.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** A polynomial in `x` by Horner's rule; `coefficients` start with that of the highest power. */
const polynomial = (x: string, coefficients: readonly number[]): string =>
  coefficients.slice(1).reduce((sum, c) => `(${sum}) * ${x} + f32(${c})`, `f32(${coefficients[0]})`);

// Numerator and denominator of Eigen's rational approximation of erf (also XLA's), in x², for |x| up to 4.
const ERF_TOP = [
  -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4,
  -2.9545998085402e-3, -1.60960333262415e-2,
];
const ERF_BOTTOM = [
  -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2,
];

/** The error function, with an error of at most 4e-7. From 3.92 on it must be exactly 1: gelu multiplies 1 - erf by x. */
export const erf: string = wgsl`
fn real_erf(value: f32) -> f32 {
  let x = clamp(value, -4.0, 4.0);
  let s = x * x;
  let near = x * (${polynomial('s', ERF_TOP)}) / (${polynomial('s', ERF_BOTTOM)});
  return select(near, sign(x), abs(x) > 3.92);
}
`;

/** log(1 + x): near 0 as 2 atanh(x / (2 + x)), since 1 + x would lose the digits of x. */
export const log1p: string = wgsl`
fn real_log1p(x: f32) -> f32 {
  let s = x / (2.0 + x);
  let s2 = s * s;
  let near = 2.0 * s * (${polynomial('s2', [1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3, 1])});
  return select(log(1.0 + x), near, abs(x) < 0.25);
}
`;

/** e^x - 1: near 0 by its series. */
export const expm1: string = wgsl`
fn real_expm1(x: f32) -> f32 {
  let near = x * (${polynomial('x', [1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1])});
  return select(exp(x) - 1.0, near, abs(x) < 0.5);
}
`;

/**
 * Sine and cosine of any f32. WGSL guarantees 2⁻¹¹ between -π and π and nothing beyond, so the angle is first reduced to an
 * eighth of a turn, in integers (Payne and Hanek, 1983): floating-point reductions break if a compiler reorders them.
 */
export const sinCos: string = wgsl`
// High and low word of a · b for b below 2²⁴.
fn wide_product(a: u32, b: u32) -> vec2<u32> {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return vec2<u32>((a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u), (other << 16u) | (low & 0xffffu));
}
// Reduces x to the remainder r in radians, as bits, and the nearest quarter turn, 0 … 3.
fn reduce_angle(x: f32) -> vec2<u32> {
  let size = abs(x);
  if (size < 0.78) { return vec2<u32>(bitcast<u32>(x), 0u); }
  // 1/2π in binary, after 32 zeros.
  var digits = array<u32, 8>(0u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u, 0x7f9458eau);
  let bits = bitcast<u32>(size);
  // x = mantissa · 2^(exponent - 150). Digits of 1/2π that only add whole turns are skipped.
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  let first = min((bits >> 23u) - 118u, 136u);
  let word = first >> 5u;
  let shift = first & 31u;
  // Two shifts, since one by 32 is not allowed.
  let w0 = (digits[word] << shift) | ((digits[word + 1u] >> 1u) >> (31u - shift));
  let w1 = (digits[word + 1u] << shift) | ((digits[word + 2u] >> 1u) >> (31u - shift));
  let w2 = (digits[word + 2u] << shift) | ((digits[word + 3u] >> 1u) >> (31u - shift));
  let p1 = wide_product(w1, mantissa);
  let p2 = wide_product(w2, mantissa);
  var low = p1.y + p2.x;
  var high = w0 * mantissa + p1.x + select(0u, 1u, low < p1.y);
  // Now high:low is the fraction of a turn.
  let quarter = (high + 0x20000000u) >> 30u;
  high -= quarter << 30u;
  let negative = high >= 0x80000000u;
  if (negative) {
    low = ~low + 1u;
    high = ~high + select(0u, 1u, low == 0u);
  }
  let r = (f32(high) + f32(low) * 0x1p-32f) * f32(${(2 * Math.PI) / 2 ** 32});
  let reversed = x < 0.0;
  return vec2<u32>(bitcast<u32>(select(r, -r, negative != reversed)), select(quarter, (4u - quarter) & 3u, reversed) & 3u);
}
fn real_sin_cos(x: f32, ahead: u32) -> f32 {
  let reduced = reduce_angle(x);
  let r = bitcast<f32>(reduced.x);
  let quarter = reduced.y + ahead;
  let s = r * r;
  let sine = r + r * s * (${polynomial('s', [1 / 362880, -1 / 5040, 1 / 120, -1 / 6])});
  let cosine = 1.0 + s * (${polynomial('s', [-1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2])});
  let value = select(sine, cosine, (quarter & 1u) == 1u);
  return select(value, -value, (quarter & 2u) == 2u);
}
`;
