// The number types of weights files, and their conversion to dtypes.

import { allocate, type DType, type TypedArray } from '../core/dtype.ts';
import { fromFloat16Array, toFloat16Array } from '../core/float16.ts';

/** A number type in a file, by its safetensors name. */
export type StoredType =
  'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U64' | 'U32' | 'U16' | 'U8' | 'BOOL'; // prettier-ignore

/** Bytes per number in a file, and the dtype it is read as by default. */
export const storedTypes: Readonly<Record<StoredType, { readonly bytes: number; readonly dtype: DType }>> = {
  F64: { bytes: 8, dtype: 'f32' },
  F32: { bytes: 4, dtype: 'f32' },
  F16: { bytes: 2, dtype: 'f16' },
  BF16: { bytes: 2, dtype: 'f32' },
  I64: { bytes: 8, dtype: 'i32' },
  I32: { bytes: 4, dtype: 'i32' },
  I16: { bytes: 2, dtype: 'i32' },
  I8: { bytes: 1, dtype: 'i32' },
  U64: { bytes: 8, dtype: 'u32' },
  U32: { bytes: 4, dtype: 'u32' },
  U16: { bytes: 2, dtype: 'u32' },
  U8: { bytes: 1, dtype: 'u32' },
  BOOL: { bytes: 1, dtype: 'bool' },
};

/** The stored type of each dtype. */
export const storedAs: Readonly<Record<DType, StoredType>> = {
  f32: 'F32',
  f16: 'F16',
  i32: 'I32',
  u32: 'U32',
  bool: 'BOOL',
};

const isFloatType = (type: StoredType) => /F/.test(type);

/** Whether numbers stored as `type` can be read as `dtype`: floats as any float, integers and bools as any non-float. */
export const canBecome = (type: StoredType, dtype: DType): boolean =>
  isFloatType(type) === (dtype === 'f32' || dtype === 'f16');

/**
 * The numbers in `bytes` as `dtype`. The array owns its memory. Floats round to nearest; f16 overflows to infinity.
 * @param fail makes the error for a value that `dtype` cannot represent.
 */
export function convert(
  bytes: Uint8Array,
  type: StoredType,
  dtype: DType,
  fail: (problem: string) => Error,
): TypedArray {
  if (storedAs[dtype] === type && type !== 'BOOL') {
    const data = allocate(dtype, bytes.length / storedTypes[type].bytes);
    // Copied as bytes, because numbers in a file may be unaligned. Typed arrays and these files are both little-endian.
    new Uint8Array(data.buffer).set(bytes);
    return data;
  }
  const values = stored(bytes, type);
  switch (dtype) {
    case 'f32':
      return values instanceof Float32Array ? values : new Float32Array(values as Float64Array);
    case 'f16':
      return toFloat16Array(values as Float32Array | Float64Array);
    case 'i32':
    case 'u32':
    case 'bool': {
      const data = allocate(dtype, values.length);
      const [low, high] = dtype === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, dtype === 'bool' ? 1 : 2 ** 32 - 1];
      for (let i = 0; i < values.length; i++) {
        const value = values[i];
        if (value < low || value > high) {
          throw fail(
            dtype === 'bool'
              ? `is ${type}, but its element ${i} is ${value}, not 0 or 1.`
              : `is ${type} and is read as ${dtype}, but its element ${i} is ${value}, which ${dtype} cannot represent.`,
          );
        }
        data[i] = Number(value);
      }
      return data;
    }
  }
}

type StoredArray =
  | Float64Array | Float32Array | Int32Array | Int16Array | Int8Array | Uint32Array | Uint16Array | Uint8Array
  | BigInt64Array | BigUint64Array; // prettier-ignore

function stored(bytes: Uint8Array, type: StoredType): StoredArray {
  // A copy, because numbers in a file may be unaligned. Not slice(), which shares memory for Node's Buffers.
  const { buffer } = new Uint8Array(bytes);
  switch (type) {
    case 'F64':
      return new Float64Array(buffer);
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return fromFloat16Array(new Uint16Array(buffer));
    case 'BF16': {
      // The upper half of an f32.
      const halves = new Uint16Array(buffer);
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < words.length; i++) words[i] = halves[i] << 16;
      return new Float32Array(words.buffer);
    }
    case 'I64':
      return new BigInt64Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'I16':
      return new Int16Array(buffer);
    case 'I8':
      return new Int8Array(buffer);
    case 'U64':
      return new BigUint64Array(buffer);
    case 'U32':
      return new Uint32Array(buffer);
    case 'U16':
      return new Uint16Array(buffer);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer);
  }
}

/** A copy of `bytes` with the byte order of each number reversed. */
export function swapBytes(bytes: Uint8Array, width: number): Uint8Array {
  const swapped = new Uint8Array(bytes);
  for (let at = 0; at < swapped.length; at += width) swapped.subarray(at, at + width).reverse();
  return swapped;
}
