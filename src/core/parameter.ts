// Leaves that keep their values between runs: parameters, which are trained, and buffers, which are not.

import { allocate, isFloat, type TensorData, type TypedArray } from './dtype.ts';
import { formatShape, sameShape, sizeOf } from './shape.ts';
import { Tensor, type TensorSpec } from './tensor.ts';

/** A device that holds the newest values of a parameter. */
export interface ParameterHome {
  /** Copies the device's values to the host. */
  read(parameter: Parameter): Promise<TypedArray>;
}

/** Values that are computed when they are first needed, and never if others are written before. */
export interface InitialValues extends TensorSpec {
  /** A fresh array of the values, the same at each call. */
  draw(): TypedArray;
}

export interface ParameterOptions {
  /** What errors and profiles call it. Without one it takes its path in the module that holds it. */
  readonly name?: string;
}

export interface BufferOptions extends ParameterOptions {
  /** False for state that is not kept in files, such as caches. */
  readonly persistent?: boolean;
  /** True for state that files may lack; it then keeps its values. */
  readonly optional?: boolean;
}

/**
 * A leaf that keeps its values between runs and that programs may update in place: weights, f32 or f16. Each device that
 * runs a program with it holds a copy; `version` says which copies are current.
 */
export class Parameter extends Tensor {
  /** Counts the changes of the values; a copy with an older version is refreshed before use. */
  version = 1;
  /** The device that changed the values last, or null when the host's are the newest. */
  home: ParameterHome | null = null;
  #host: TypedArray | null = null;
  #draw: (() => TypedArray) | null = null;
  #name: string;
  readonly #hasOwnName: boolean;

  /** `values` are copied, or drawn on their first use. */
  constructor(values: TensorData | InitialValues, { name }: ParameterOptions = {}) {
    super(values.shape, values.dtype);
    this.#name = name ?? '';
    this.#hasOwnName = name !== undefined;
    if (!isFloat(values.dtype) && !(this instanceof Buffer)) {
      throw new Error(
        `${this.#title}: parameters are trained, so they are f32 or f16; use a Buffer for ${values.dtype}.`,
      );
    }
    if ('draw' in values) this.#draw = () => this.#checked(values.draw());
    else this.#host = this.#checked(values.data).slice();
  }

  /** Its path in the outermost module that listed it, such as `c1.weight`, or the name that it was given. */
  get name(): string {
    return this.#name || 'unnamed';
  }

  /** Notes its path in a module. A name of its own stays, and so does a longer path: that of an outer module. */
  foundAt(path: string): void {
    if (!this.#hasOwnName && path.length > this.#name.length) this.#name = path;
  }

  /** The newest values, from the device that has them. The array is a copy that the caller may keep. */
  async read(): Promise<TensorData> {
    const data = this.home ? await this.home.read(this) : this.hostValues.slice();
    return { shape: this.shape, dtype: this.dtype, data };
  }

  /** Replaces the values; programs that use this parameter see them on their next run. */
  write(values: TensorData): void {
    if (!sameShape(values.shape, this.shape) || values.dtype !== this.dtype) {
      throw new Error(
        `${this.#title}: holds ${this.dtype}${formatShape(this.shape)}, ` +
          `but was given ${values.dtype}${formatShape(values.shape)}.`,
      );
    }
    this.#host = this.#checked(values.data).slice();
    this.#draw = null;
    this.home = null;
    this.version++;
  }

  /** The host's values, drawn if they have not been; only current while no device is `home`. */
  get hostValues(): TypedArray {
    this.#host ??= this.#draw!();
    return this.#host;
  }

  get #title(): string {
    return `${this instanceof Buffer ? 'buffer' : 'parameter'} ${this.name}`;
  }

  #checked(data: TypedArray): TypedArray {
    const expected = allocate(this.dtype, 0).constructor.name;
    if (data.length === this.size && data.constructor.name === expected) return data;
    throw new Error(
      `${this.#title}: ${this.dtype}${formatShape(this.shape)} takes a ${expected} of ${this.size} values, ` +
        `but a ${data.constructor.name} of ${data.length} was given.`,
    );
  }
}

/** State that programs change and no optimizer does: running statistics, counters, caches. Of any type. */
export class Buffer extends Parameter {
  /** Whether it is kept in files. */
  readonly persistent: boolean;
  /** Whether files may lack it. */
  readonly optional: boolean;

  constructor(values: TensorData | InitialValues, { persistent = true, optional = false, name }: BufferOptions = {}) {
    super(values, { name });
    this.persistent = persistent;
    this.optional = optional;
  }

  /** A buffer of zeros. */
  static zeros({ shape, dtype }: TensorSpec, options: BufferOptions = {}): Buffer {
    return new Buffer({ shape, dtype, draw: () => allocate(dtype, sizeOf(shape)) }, options);
  }
}
