// Math functions that JavaScript lacks, for CPU references.

/** The error function in float64: a series of positive terms below 3, a continued fraction of 1 - erf above. */
export function erfOf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size > 6) return Math.sign(x);
  const scale = Math.exp(-size * size) / Math.sqrt(Math.PI);
  if (size < 3) {
    // erf x = 2/√π · e^-x² · Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · 5 … (2n + 1))
    let [term, total] = [size, size];
    for (let n = 1; term > total * 2 ** -54; n++) total += term *= (2 * size * size) / (2 * n + 1);
    return Math.sign(x) * 2 * scale * total;
  }
  // erfc x = e^-x²/√π / (x + (1/2) / (x + (2/2) / (x + (3/2) / …)))
  let fraction = size;
  for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - scale / fraction);
}

/** The nearest integer, ties to even. */
export function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}
