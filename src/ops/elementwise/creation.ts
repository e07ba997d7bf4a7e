// Tensors of given values, like torch's creation functions: constants of the graph.

import { allocate, convertFloats, isFloat, type DType, type TypedArray } from '../../core/dtype.ts';
import { toFloat16 } from '../../core/float16.ts';
import { expectWhole, formatShape, sizeOf, type Shape } from '../../core/shape.ts';
import { Constant, fill, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { expand } from '../movement/expand.ts';

/** Options of functions that create tensors. */
export interface CreationOptions {
  /** f32 by default; bool for booleans. */
  readonly dtype?: DType;
}

/** Numbers or booleans, in arrays nested as deep as the tensor has axes. */
export type NestedValues = number | boolean | readonly NestedValues[];

/** `value` everywhere. It takes no memory: kernels contain it as a literal. */
export function full(shape: Shape, value: number | boolean, options: CreationOptions = {}): Tensor {
  const { dtype = typeof value === 'boolean' ? 'bool' : 'f32' } = options;
  expectWhole('full', 'sizes', shape, 0);
  return expand(fill([], stored('full', value, dtype), dtype), shape);
}

/** 0 everywhere. */
export const zeros = (shape: Shape, options?: CreationOptions): Tensor => full(shape, 0, { dtype: 'f32', ...options });

/** 1 everywhere. */
export const ones = (shape: Shape, options?: CreationOptions): Tensor => full(shape, 1, { dtype: 'f32', ...options });

/** `value` everywhere, with the shape and type of `like`, as torch.full_like. */
export const fullLike = (like: TensorSpec, value: number | boolean, options?: CreationOptions): Tensor =>
  full(like.shape, value, { dtype: like.dtype, ...options });

/** 0 everywhere, with the shape and type of `like`. */
export const zerosLike = (like: TensorSpec, options?: CreationOptions): Tensor => fullLike(like, 0, options);

/** 1 everywhere, with the shape and type of `like`. */
export const onesLike = (like: TensorSpec, options?: CreationOptions): Tensor => fullLike(like, 1, options);

/** Options of `tensor`. */
export interface TensorOptions extends CreationOptions {
  /** By default that of the nested arrays; may be any shape with as many values. */
  readonly shape?: Shape;
}

/**
 * A constant of the given values, which are copied: `tensor([[1, 2], [3, 4]])`, or a typed array with its `shape`. The default
 * `dtype` is that of the typed array (a Uint16Array holds the bits of f16), bool for booleans and f32 for numbers. Throws for
 * numbers that an integer type cannot hold.
 */
export function tensor(values: NestedValues | TypedArray, options: TensorOptions = {}): Constant {
  const { shape: found, flat } = ArrayBuffer.isView(values)
    ? { shape: [values.length], flat: values }
    : flattened(values);
  const shape = options.shape ?? found;
  if (sizeOf(shape) !== flat.length) {
    throw new Error(`tensor: ${formatShape(shape)} holds ${sizeOf(shape)} values, but ${flat.length} were given.`);
  }
  if (ArrayBuffer.isView(values)) return typed(values, shape, options.dtype);
  const dtype =
    options.dtype ?? (flat.length > 0 && flat.every((value) => typeof value === 'boolean') ? 'bool' : 'f32');
  const data = allocate(dtype, flat.length);
  for (const [i, value] of flat.entries()) {
    const number = stored('tensor', value, dtype);
    data[i] = dtype === 'f16' ? toFloat16(number) : number;
  }
  return new Constant(shape, dtype, data);
}

/** A constant of a typed array, converted if `dtype` differs from the array's type. */
function typed(values: TypedArray, shape: Shape, dtype?: DType): Constant {
  const own: DType =
    values instanceof Float32Array ? 'f32' : values instanceof Int32Array ? 'i32' : values instanceof Uint16Array ? 'f16' : 'u32'; // prettier-ignore
  if (dtype === undefined || dtype === own) return new Constant(shape, own, values.slice());
  if (own === 'f16' || (dtype === 'f16' && own === 'f32')) {
    const { data } = convertFloats({ shape, dtype: own, data: values }, own === 'f16' ? 'f32' : 'f16');
    return own === 'f16' ? typed(data, shape, dtype) : new Constant(shape, dtype, data);
  }
  const data = allocate(dtype, values.length);
  for (let i = 0; i < data.length; i++) {
    const number = stored('tensor', values[i], dtype);
    data[i] = dtype === 'f16' ? toFloat16(number) : number;
  }
  return new Constant(shape, dtype, data);
}

/** The values in order, and the shape of the nested arrays. */
function flattened(values: NestedValues): { shape: number[]; flat: (number | boolean)[] } {
  const shape: number[] = [];
  for (let one: NestedValues = values; Array.isArray(one); one = one[0]) shape.push(one.length);
  const flat: (number | boolean)[] = [];
  const visit = (value: NestedValues, axis: number, path: string): void => {
    if (axis < shape.length && Array.isArray(value) && value.length === shape[axis]) {
      value.forEach((item, i) => visit(item, axis + 1, `${path}[${i}]`));
    } else if (axis === shape.length && (typeof value === 'number' || typeof value === 'boolean')) {
      flat.push(value);
    } else {
      const is = Array.isArray(value) ? `an array of ${value.length}` : String(value);
      const expected = axis < shape.length ? `an array of ${shape[axis]}` : 'a number or boolean';
      throw new Error(
        `tensor: values${path} is ${is}, but ${expected} is expected there: all arrays of an axis must have one length.`,
      );
    }
  };
  visit(values, 0, '');
  return { shape, flat };
}

/** `value` as stored in a tensor of `dtype`. */
function stored(who: string, value: number | boolean, dtype: DType): number {
  const number = Number(value);
  if (isFloat(dtype)) return number;
  if (dtype === 'bool') return number === 0 ? 0 : 1;
  const [least, most] = dtype === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(
    `${who}: ${number} does not fit ${dtype}, which holds integers from ${least} to ${most}; use another dtype.`,
  );
}
