// Symbolic tensors: what ops take and return while a graph is recorded. Leaves hold values, nodes how to compute them.

import { allocate, type DType, type TypedArray } from './dtype.ts';
import { toFloat16 } from './float16.ts';
import type { Op } from './op.ts';
import { formatShape, sizeOf, type Shape } from './shape.ts';

/** What is known about a tensor before anything is computed. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** `f32[2, 3]`. */
export const formatSpec = ({ dtype, shape }: TensorSpec): string => `${dtype}${formatShape(shape)}`;

/** Shorthand for a spec: `spec([64, 1, 32, 32])`, `spec([64], 'i32')`. */
export const spec = (shape: Shape, dtype: DType = 'f32'): TensorSpec => ({ shape, dtype });

/** One application of an op. Nodes form the graph through their inputs; nothing else references them. */
export interface Node {
  readonly op: Op;
  readonly attrs: object;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** A tensor in a graph: its shape and type, and the node that computes it (null for a leaf). */
export class Tensor implements TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly node: Node | null;

  constructor(shape: Shape, dtype: DType, node: Node | null = null) {
    this.shape = shape;
    this.dtype = dtype;
    this.node = node;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  toString(): string {
    return `${this.node?.op.name ?? 'leaf'} ${formatSpec(this)}`;
  }
}

/** A leaf whose values every run of a program must be given. */
export class Input extends Tensor {
  readonly name: string;

  constructor(name: string, { shape, dtype }: TensorSpec) {
    super(shape, dtype);
    this.name = name;
  }
}

/** A leaf with fixed values. A single element, of any rank, is written into kernels as a literal. */
export class Constant extends Tensor {
  readonly data: TypedArray;

  constructor(shape: Shape, dtype: DType, data: TypedArray) {
    super(shape, dtype);
    if (data.length !== sizeOf(shape)) {
      throw new Error(`constant: ${formatShape(shape)} holds ${sizeOf(shape)} values, but ${data.length} were given.`);
    }
    this.data = data;
  }
}

/** A leaf of one number that the user may change between runs, such as a learning rate. */
export class Scalar extends Tensor {
  readonly name: string;
  /** The number that the next run uses. */
  value: number;

  constructor(name: string, value: number, dtype: DType = 'f32') {
    super([], dtype);
    this.name = name;
    this.value = value;
  }
}

/** A number or a tensor: what elementwise ops accept. */
export type TensorLike = Tensor | number;

/** `value` as a tensor: a number becomes a constant of rank 0. */
export function toTensor(value: TensorLike, dtype: DType = 'f32'): Tensor {
  return value instanceof Tensor ? value : fill([], value, dtype);
}

/** A constant with one value everywhere. */
export function fill(shape: Shape, value: number, dtype: DType = 'f32'): Constant {
  const data = allocate(dtype, sizeOf(shape));
  data.fill(dtype === 'f16' ? toFloat16(value) : value);
  return new Constant(shape, dtype, data);
}
