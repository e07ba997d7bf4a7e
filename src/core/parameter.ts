// Leaves that keep their values between runs: parameters, which are trained, and buffers, which are not.

import { allocate, isFloat, type TensorData, type TypedArray } from './dtype.ts';
import { formatShape, sameShape, sizeOf } from './shape.ts';
import { Tensor, type TensorSpec } from './tensor.ts';

/** A device that holds values of parameters. */
export interface ParameterHome {
  /** Copies the device's values to the host. */
  read(parameter: Parameter): Promise<TypedArray>;
  /** Frees the device's copy, unless a program uses it; called when the values are on the host again. */
  forget(parameter: Parameter): void;
}

/** Values that are computed when they are first needed, and never if others are written before. */
export interface InitialValues extends TensorSpec {
  /** The values, the same at each call. */
  draw(): TypedArray | Promise<TypedArray>;
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
 * A leaf that keeps its values between runs and that programs may update in place: weights, f32 or f16. Values are on the host
 * until a device has them, and then on devices only; `version` says which of their copies are current.
 */
export class Parameter extends Tensor {
  /** True to keep the host's copy when a device has the values too: weights that must outlive a device that is lost. */
  keepOnHost = false;
  #version = 1;
  /** The devices whose copies are current. */
  readonly #holders = new Set<ParameterHome>();
  /** The newest values, while they are on the host. */
  #host: TypedArray | null = null;
  /** Gives the newest values again, as long as they are the initial ones. */
  #draw: InitialValues['draw'] | null = null;
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
    this.#host = 'draw' in values ? null : this.#checked(values.data).slice();
    this.#draw = 'draw' in values ? () => values.draw() : null;
  }

  /** Its path in the outermost module that listed it, such as `c1.weight`, or the name that it was given. */
  get name(): string {
    return this.#name || 'unnamed';
  }

  /** Notes its path in a module. A name of its own stays, and so does a longer path: that of an outer module. */
  foundAt(path: string): void {
    if (!this.#hasOwnName && path.length > this.#name.length) this.#name = path;
  }

  /** Counts the changes of the values; a copy of an older version is refreshed before use. */
  get version(): number {
    return this.#version;
  }

  /** The newest values, from wherever they are. The array is a copy that the caller may keep. */
  async read(): Promise<TensorData> {
    const data = await this.newest();
    return { shape: this.shape, dtype: this.dtype, data: data === this.#host ? data.slice() : data };
  }

  /** The newest values, for a device to copy: at once where they are on the host or drawn. */
  newest(): TypedArray | Promise<TypedArray> {
    if (this.#host) return this.#host;
    return this.#holders.size > 0 ? this.#fromHolders() : this.#drawn();
  }

  /** Replaces the values, which are copied, or drawn on their first use; programs see them on their next run. */
  write(values: TensorData | InitialValues): void {
    if (!sameShape(values.shape, this.shape) || values.dtype !== this.dtype) {
      throw new Error(
        `${this.#title}: holds ${this.dtype}${formatShape(this.shape)}, ` +
          `but was given ${values.dtype}${formatShape(values.shape)}.`,
      );
    }
    this.#host = 'draw' in values ? null : this.#checked(values.data).slice();
    this.#draw = 'draw' in values ? () => values.draw() : null;
    this.#holders.clear();
    this.#version++;
  }

  /** Brings the values back to the host, where they outlive devices, and frees the copies that no program uses. */
  async toHost(): Promise<void> {
    const version = this.#version;
    const values = await this.newest();
    if (version !== this.#version || this.#host) return;
    this.#host = values;
    const homes = [...this.#holders];
    this.#holders.clear();
    for (const home of homes) home.forget(this);
  }

  /** The values while they are on the host; they are not to be changed. After a run, use `read()`. */
  get hostValues(): TypedArray {
    if (this.#host) return this.#host;
    const values = this.#holders.size > 0 ? null : this.#drawn();
    if (values && !(values instanceof Promise)) return values;
    throw new Error(`${this.#title}: its values are not on the host; use await read().`);
  }

  /** For devices: `home` now has the values of `version`, and the host's copy may go. */
  heldBy(home: ParameterHome, version: number): void {
    if (version !== this.#version) return;
    this.#holders.add(home);
    if (!this.keepOnHost) this.#host = null;
  }

  /** For devices: a program on `home` has changed the values. Gives the new version. */
  changedBy(home: ParameterHome): number {
    this.discard();
    this.#holders.add(home);
    return ++this.#version;
  }

  /** For devices: whether `home` may free its copy, as it is old or the values are elsewhere too. */
  leaves(home: ParameterHome): boolean {
    if (!this.#holders.has(home)) return true;
    if (this.#holders.size === 1 && !this.#host && !this.#draw) return false;
    return this.#holders.delete(home);
  }

  /** Gives up the values: nobody will read them any more. */
  discard(): void {
    this.#holders.clear();
    this.#host = null;
    this.#draw = null;
  }

  async #fromHolders(): Promise<TypedArray> {
    let failure: unknown;
    for (const home of this.#holders) {
      try {
        return await home.read(this);
      } catch (error) {
        failure = error; // a lost device; another one may hold the values too
      }
    }
    if (this.#draw) return this.#drawn();
    throw failure;
  }

  #drawn(): TypedArray | Promise<TypedArray> {
    if (!this.#draw) throw new Error(`${this.#title}: its values were given up.`);
    const version = this.#version;
    const keep = (data: TypedArray) => {
      if (version === this.#version) this.#host = this.#checked(data);
      return data;
    };
    const values = this.#draw();
    return values instanceof Promise ? values.then(keep) : keep(values);
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
