// Numbers as WGSL literals.

/** `value` as an f32 literal. WGSL has no literal for infinity, so it becomes the largest finite number. */
export function f32Literal(value: number): string {
  if (Number.isNaN(value)) throw new Error('NaN cannot be written into a kernel as a literal.');
  const finite = Math.fround(Math.min(Math.max(value, -3.4028234663852886e38), 3.4028234663852886e38));
  return `f32(${finite})`;
}

/** `value` as a literal of a WGSL type. */
export function literal(value: number, type: 'f32' | 'i32' | 'u32' | 'bool'): string {
  if (type === 'f32') return f32Literal(value);
  return type === 'bool' ? String(value !== 0) : `${type}(${Math.trunc(value)})`;
}
