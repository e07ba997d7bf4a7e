// The type of verify's cases: seeded inputs and a call. The tables in cases/ list them.

import { allocate, isFloat, type DType, type TensorData, type TypedArray } from '../core/dtype.ts';
import { toFloat16 } from '../core/float16.ts';
import { RandomSource } from '../core/random.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';

/** An input: shape, dtype and a generator of its values. */
export interface Values extends TensorSpec {
  /** The next value. */
  next(random: RandomSource): number;
}

/** A call of a public op, run by a device and the CPU reference on the same inputs. */
export interface VerifyCase {
  /** What is special about it: `odd`, `axis0`, `65x33`. Unique among the op's cases. */
  readonly name: string;
  readonly inputs: readonly Values[];
  /** Calls the op. It may draw random numbers and assign; assigned values are compared like outputs. */
  call(inputs: readonly Tensor[]): Tensor | readonly Tensor[];
  /** Dtypes to run its f32 inputs in; by default f32, and f16 unless the op rejects it. */
  readonly dtypes?: readonly DType[];
  /** False if there is no gradient. By default the gradient of a weighted sum of the outputs is compared for every float input. */
  readonly backward?: false;
}

/** Cases by the name of the public op (or `nn` module). */
export type CaseTable = Readonly<Record<string, readonly VerifyCase[]>>;

/** For ops that only move values. */
export const anyType = ['f32', 'f16', 'i32', 'u32', 'bool'] as const;

export const anyNumber = ['f32', 'f16', 'i32', 'u32'] as const;

/** Cases with their f32 inputs run in each of `dtypes`. */
export const ofTypes = (dtypes: readonly DType[], ...cases: VerifyCase[]): VerifyCase[] =>
  cases.map((one) => ({ ...one, dtypes }));

/** Uniform f32 numbers from `low` to `high`. */
export const floats = (shape: Shape, low = -2, high = 2): Values => ({
  shape,
  dtype: 'f32',
  next: (random) => random.uniform(low, high),
});

/** Uniform integers from `low` to `high` inclusive. */
export const integers = (shape: Shape, low: number, high: number, dtype: 'i32' | 'u32' = 'i32'): Values => ({
  shape,
  dtype,
  next: (random) => low + random.integer(high - low + 1),
});

/** True and false with equal probability. */
export const booleans = (shape: Shape): Values => ({ shape, dtype: 'bool', next: (random) => random.integer(2) });

/** Converts f32 values to other dtypes. Integers are never 0, because they may be divisors. */
export const convertTo: Readonly<Record<Exclude<DType, 'f32'>, (data: TypedArray) => TypedArray>> = {
  f16: (data) => Uint16Array.from(data, toFloat16),
  i32: (data) => Int32Array.from(data, (value) => Math.round(3 * value) || 1),
  u32: (data) => Uint32Array.from(data, (value) => Math.round(Math.abs(3 * value)) || 1),
  bool: (data) => Uint32Array.from(data, (value) => Number(value > 0)),
};

/** A case's inputs, with f32 ones converted to `dtype`; the same values on every machine. */
export function inputsOf({ inputs }: VerifyCase, dtype: DType): TensorData[] {
  return inputs.map((input, i) => {
    const random = new RandomSource(5, i);
    const data = allocate(input.dtype, sizeOf(input.shape)).map(() => input.next(random));
    return input.dtype === 'f32' && dtype !== 'f32'
      ? { shape: input.shape, dtype, data: convertTo[dtype](data) }
      : { shape: input.shape, dtype: input.dtype, data };
  });
}

/** The dtype to report a case under: `dtype`, or that of the first input if it has no floats. */
export const typeOf = ({ inputs }: VerifyCase, dtype: DType): DType =>
  inputs.length === 0 || inputs.some((input) => isFloat(input.dtype)) ? dtype : inputs[0].dtype;
