// Halves the size of weights, for files.

import { toFloat16Array } from '../core/float16.ts';
import type { TensorData } from '../core/dtype.ts';

const LARGEST = 65_504;

/**
 * `tensors` with f32 matrices (two or more axes) converted to f16. Vectors, such as biases and running statistics, stay f32:
 * they are small, and their values may be far from 1. So do matrices with a value that f16 cannot represent.
 */
export function halfWeights(tensors: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
  return new Map([...tensors].map(([name, values]) => [name, half(values)]));
}

function half(values: TensorData): TensorData {
  const { shape, dtype, data } = values;
  if (dtype !== 'f32' || shape.length < 2 || !data.every((value) => Math.abs(value) <= LARGEST)) return values;
  return { shape, dtype: 'f16', data: toFloat16Array(data as Float32Array) };
}
