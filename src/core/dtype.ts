// The element types a tensor may have, and how each is held in host memory.

import { fromFloat16Array, toFloat16Array } from './float16.ts';

/** Element type of a tensor, named as WGSL names it. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32' | 'bool';

/** A tensor's values in host memory: f16 as raw bits in a Uint16Array, bool as 0 or 1 in a Uint32Array. */
export type TypedArray = Float32Array | Int32Array | Uint32Array | Uint16Array;

/** A tensor's values on the host: `data.length` is the product of `shape`, in row-major order. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Bytes of one element in GPU memory (bool is a u32 there). */
export const bytesPerElement: Readonly<Record<DType, number>> = { f32: 4, f16: 2, i32: 4, u32: 4, bool: 4 };

/** True for the types that carry gradients. */
export const isFloat = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f16';

/** Zeroed host memory for `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(length);
    case 'f16':
      return new Uint16Array(length);
    case 'i32':
      return new Int32Array(length);
    case 'u32':
    case 'bool':
      return new Uint32Array(length);
  }
}

/** Converts between float types; returns `values` itself when nothing is to be done. */
export function convertFloats(values: TensorData, dtype: DType): TensorData {
  const { shape, data } = values;
  if (values.dtype === dtype) return values;
  if (values.dtype === 'f16' && dtype === 'f32') return { shape, dtype, data: fromFloat16Array(data as Uint16Array) };
  if (values.dtype === 'f32' && dtype === 'f16') return { shape, dtype, data: toFloat16Array(data as Float32Array) };
  throw new Error(`Cannot convert ${values.dtype} values to ${dtype}: only f32 and f16 convert to each other.`);
}
