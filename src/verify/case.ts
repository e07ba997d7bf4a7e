// What a case of verify is: seeded inputs and a call. The tables in cases/ are lists of these.

import { allocate, isFloat, type DType, type TensorData, type TypedArray } from '../core/dtype.ts';
import { toFloat16 } from '../core/float16.ts';
import { RandomSource } from '../core/random.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';

/** An input: its shape and type, and where its values come from. */
export interface Values extends TensorSpec {
  /** The next value. */
  next(random: RandomSource): number;
}

/** One call of a public op that a device and the CPU reference make with the same inputs. */
export interface VerifyCase {
  /** What is special about it, in a word: `odd`, `axis0`, `65x33`. Unique among the op's cases. */
  readonly name: string;
  readonly inputs: readonly Values[];
  /** Calls the op. It may draw random numbers, and assign: what it assigns is compared like an output. */
  call(inputs: readonly Tensor[]): Tensor | readonly Tensor[];
  /** The types that its f32 inputs take in turn: by default f32, and f16 unless the op refuses it. */
  readonly dtypes?: readonly DType[];
  /** False where there is no gradient. Otherwise every float input gets the gradient of a weighted sum of the outputs. */
  readonly backward?: false;
}

/** Cases by the name of the public op (or `nn` module) that they call. */
export type CaseTable = Readonly<Record<string, readonly VerifyCase[]>>;

/** What only moves values takes every type. */
export const anyType = ['f32', 'f16', 'i32', 'u32', 'bool'] as const;

export const anyNumber = ['f32', 'f16', 'i32', 'u32'] as const;

/** Cases whose f32 inputs take these types in turn. */
export const ofTypes = (dtypes: readonly DType[], ...cases: VerifyCase[]): VerifyCase[] =>
  cases.map((one) => ({ ...one, dtypes }));

/** f32 numbers from `low` to `high`, evenly spread. */
export const floats = (shape: Shape, low = -2, high = 2): Values => ({
  shape,
  dtype: 'f32',
  next: (random) => random.uniform(low, high),
});

/** Integers from `low` to `high`, both included. */
export const integers = (shape: Shape, low: number, high: number, dtype: 'i32' | 'u32' = 'i32'): Values => ({
  shape,
  dtype,
  next: (random) => low + random.integer(high - low + 1),
});

/** True and false in equal numbers. */
export const booleans = (shape: Shape): Values => ({ shape, dtype: 'bool', next: (random) => random.integer(2) });

/** How an f32 value becomes one of another type. Numbers stay clear of 0, as integers cannot be divided by it. */
export const convertTo: Readonly<Record<Exclude<DType, 'f32'>, (data: TypedArray) => TypedArray>> = {
  f16: (data) => Uint16Array.from(data, toFloat16),
  i32: (data) => Int32Array.from(data, (value) => Math.round(3 * value) || 1),
  u32: (data) => Uint32Array.from(data, (value) => Math.round(Math.abs(3 * value)) || 1),
  bool: (data) => Uint32Array.from(data, (value) => Number(value > 0)),
};

/** The inputs of a case, those of f32 as `dtype`: the same values on every machine. */
export function inputsOf({ inputs }: VerifyCase, dtype: DType): TensorData[] {
  return inputs.map((input, i) => {
    const random = new RandomSource(5, i);
    const data = allocate(input.dtype, sizeOf(input.shape)).map(() => input.next(random));
    return input.dtype === 'f32' && dtype !== 'f32'
      ? { shape: input.shape, dtype, data: convertTo[dtype](data) }
      : { shape: input.shape, dtype: input.dtype, data };
  });
}

/** The type that a case is reported under, where its f32 inputs are `dtype`: one without any has that of its first input. */
export const typeOf = ({ inputs }: VerifyCase, dtype: DType): DType =>
  inputs.length === 0 || inputs.some((input) => isFloat(input.dtype)) ? dtype : inputs[0].dtype;
