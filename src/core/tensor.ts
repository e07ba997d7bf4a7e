// Symbolic tensors: what an op takes and gives while a graph is recorded. Leaves hold values, nodes hold how to compute.

import { allocate, isFloat, type DType, type TensorData, type TypedArray } from './dtype.ts';
import { toFloat16 } from './float16.ts';
import type { Op } from './op.ts';
import { formatShape, sameShape, sizeOf, type Shape } from './shape.ts';

/** What is known of a tensor before anything is computed. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Shorthand for a spec: `spec([64, 1, 32, 32])`, `spec([64], 'i32')`. */
export const spec = (shape: Shape, dtype: DType = 'f32'): TensorSpec => ({ shape, dtype });

/** One application of an op. Nodes form the graph through their inputs; nothing else holds them. */
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
    return `${this.node?.op.name ?? 'leaf'} ${this.dtype}${formatShape(this.shape)}`;
  }
}

/** A leaf that every run of a program must be given. */
export class Input extends Tensor {
  readonly name: string;

  constructor(name: string, { shape, dtype }: TensorSpec) {
    super(shape, dtype);
    this.name = name;
  }
}

/** A leaf with fixed values. One element of any rank is written into kernels as a literal. */
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

/** Where the newest values of a parameter are, when a device holds them. */
export interface ParameterHome {
  /** Copies the device's values to the host. */
  read(parameter: Parameter): Promise<TypedArray>;
}

/**
 * A leaf that keeps its values between runs and that programs may update in place: weights, optimizer state, counters.
 * Each device that runs a program with it holds a copy; `version` says which copies are current.
 */
export class Parameter extends Tensor {
  readonly name: string;
  /** False for state that no gradient is wanted for. */
  readonly trainable: boolean;
  /** Counts the changes of the values; a copy with an older version is refreshed before use. */
  version = 1;
  /** The device that changed the values last, or null when `#host` is the newest. */
  home: ParameterHome | null = null;
  #host: TypedArray;

  constructor(name: string, values: TensorData, trainable = isFloat(values.dtype)) {
    super(values.shape, values.dtype);
    this.name = name;
    this.trainable = trainable;
    this.#host = this.#checked(values.data);
  }

  /** A parameter of zeros: the usual start of optimizer state. */
  static zeros(name: string, { shape, dtype }: TensorSpec): Parameter {
    return new Parameter(name, { shape, dtype, data: allocate(dtype, sizeOf(shape)) }, false);
  }

  /** The newest values, from the device that has them. The array is a copy that the caller may keep. */
  async read(): Promise<TensorData> {
    const data = this.home ? await this.home.read(this) : this.#host.slice();
    return { shape: this.shape, dtype: this.dtype, data };
  }

  /** Replaces the values; programs that use this parameter see them on their next run. */
  write(values: TensorData): void {
    if (!sameShape(values.shape, this.shape) || values.dtype !== this.dtype) {
      throw new Error(
        `parameter ${this.name}: holds ${this.dtype}${formatShape(this.shape)}, ` +
          `but was given ${values.dtype}${formatShape(values.shape)}.`,
      );
    }
    this.#host = this.#checked(values.data).slice();
    this.home = null;
    this.version++;
  }

  #checked(data: TypedArray): TypedArray {
    if (data.length === this.size) return data;
    throw new Error(
      `parameter ${this.name}: ${formatShape(this.shape)} holds ${this.size} values, but ${data.length} were given.`,
    );
  }

  /** The host's values; only current while no device is `home`. */
  get hostValues(): TypedArray {
    return this.#host;
  }
}

/** A number or a tensor: what elementwise ops accept. */
export type TensorLike = Tensor | number;

/** `value` as a tensor: a number becomes a constant of no axes. */
export function toTensor(value: TensorLike, dtype: DType = 'f32'): Tensor {
  return value instanceof Tensor ? value : fill([], value, dtype);
}

/** A constant with one value everywhere. It is stored once and broadcast. */
export function fill(shape: Shape, value: number, dtype: DType = 'f32'): Constant {
  const data = allocate(dtype, sizeOf(shape));
  data.fill(dtype === 'f16' ? toFloat16(value) : value);
  return new Constant(shape, dtype, data);
}
