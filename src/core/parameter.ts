// Leaves that keep their values between runs: parameters, which are trained, and buffers, which are not.

import { allocate, isFloat, type TensorData, type TypedArray } from './dtype.ts';
import { sameShape, sizeOf } from './shape.ts';
import { formatSpec, Tensor, type TensorSpec } from './tensor.ts';

/** A device that holds parameters' values. */
export interface ParameterHome {
  /** Copies the device's values to the host. */
  read(parameter: Parameter): Promise<TypedArray>;
  /** Frees the device's copy, unless a program uses it; called once the values are back on the host. */
  forget(parameter: Parameter): void;
}

/** Values that are computed on first use, and never if others are written first. */
export interface InitialValues extends TensorSpec {
  /** The values, the same on every call. */
  draw(): TypedArray | Promise<TypedArray>;
}

export interface ParameterOptions {
  /** Name in errors and profiles; by default its path in the module that holds it. */
  readonly name?: string;
}

export interface BufferOptions extends ParameterOptions {
  /** False for state that is not saved to files, such as caches. */
  readonly persistent?: boolean;
  /** True for state that files may lack; it then keeps its values. */
  readonly optional?: boolean;
}

/**
 * A leaf that keeps its values between runs and that programs may update in place: weights, f32 or f16. Values are on the
 * host until a device takes them, then on devices only; `version` tells which copies are current.
 */
export class Parameter extends Tensor {
  /** True to keep the host's copy while a device has the values: for weights that must survive a lost device. */
  keepOnHost = false;
  #version = 1;
  /** The devices whose copies are current. */
  readonly #holders = new Set<ParameterHome>();
  /** The newest values, while they are on the host. */
  #host: TypedArray | null = null;
  /** Recomputes the newest values, as long as they are the initial ones. */
  #draw: InitialValues['draw'] | null = null;
  #name: string;
  readonly #hasOwnName: boolean;

  /** `values` are copied, or drawn on first use. */
  constructor(values: TensorData | InitialValues, { name }: ParameterOptions = {}) {
    super(values.shape, values.dtype);
    this.#name = name ?? '';
    this.#hasOwnName = name !== undefined;
    if (!isFloat(values.dtype) && !(this instanceof Buffer)) {
      throw new Error(
        `${this.#title}: parameters are trained, so they must be f32 or f16; use a Buffer for ${values.dtype}.`,
      );
    }
    this.#host = 'draw' in values ? null : this.#checked(values.data).slice();
    this.#draw = 'draw' in values ? () => values.draw() : null;
  }

  /** Its path in the outermost module that listed it, such as `c1.weight`, or the name it was given. */
  get name(): string {
    return this.#name || 'unnamed';
  }

  /** Records its path in a module. A given name takes precedence, and so does a longer path, that of an outer module. */
  foundAt(path: string): void {
    if (!this.#hasOwnName && path.length > this.#name.length) this.#name = path;
  }

  /** Incremented whenever the values change; a copy of an older version is refreshed before use. */
  get version(): number {
    return this.#version;
  }

  /** The newest values, wherever they are. The array is a copy that the caller may keep. */
  async read(): Promise<TensorData> {
    const data = await this.newest();
    return { shape: this.shape, dtype: this.dtype, data: data === this.#host ? data.slice() : data };
  }

  /** The newest values, for a device to copy; a promise if they are on a device or drawn asynchronously. */
  newest(): TypedArray | Promise<TypedArray> {
    if (this.#host) return this.#host;
    return this.#holders.size > 0 ? this.#fromHolders() : this.#drawn();
  }

  /** Replaces the values. The new ones are copied, or drawn on first use; programs see them on their next run. */
  write(values: TensorData | InitialValues): void {
    if (!sameShape(values.shape, this.shape) || values.dtype !== this.dtype) {
      throw new Error(`${this.#title}: holds ${formatSpec(this)}, but was given ${formatSpec(values)}.`);
    }
    this.#host = 'draw' in values ? null : this.#checked(values.data).slice();
    this.#draw = 'draw' in values ? () => values.draw() : null;
    this.#holders.clear();
    this.#version++;
  }

  /** Moves the values back to the host, where they outlive devices, and frees device copies that no program uses. */
  async toHost(): Promise<void> {
    const version = this.#version;
    const values = await this.newest();
    if (version !== this.#version || this.#host) return;
    this.#host = values;
    const homes = [...this.#holders];
    this.#holders.clear();
    for (const home of homes) home.forget(this);
  }

  /** The values, if they are on the host; do not modify them. After a run, use `read()`. */
  get hostValues(): TypedArray {
    if (this.#host) return this.#host;
    const values = this.#holders.size > 0 ? null : this.#drawn();
    if (values && !(values instanceof Promise)) return values;
    throw new Error(`${this.#title}: its values are not on the host; use await read().`);
  }

  /** For devices: `home` now has the values of `version`, so the host's copy may be dropped. */
  heldBy(home: ParameterHome, version: number): void {
    if (version !== this.#version) return;
    this.#holders.add(home);
    if (!this.keepOnHost) this.#host = null;
  }

  /** For devices: a program on `home` has changed the values. Returns the new version. */
  changedBy(home: ParameterHome): number {
    this.discard();
    this.#holders.add(home);
    return ++this.#version;
  }

  /** For devices: whether `home` may free its copy, because it is stale or not the only one. */
  leaves(home: ParameterHome): boolean {
    if (!this.#holders.has(home)) return true;
    if (this.#holders.size === 1 && !this.#host && !this.#draw) return false;
    return this.#holders.delete(home);
  }

  /** Drops the values: nobody will read them again. */
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
        failure = error; // A lost device; another may still hold the values.
      }
    }
    if (this.#draw) return this.#drawn();
    throw failure;
  }

  #drawn(): TypedArray | Promise<TypedArray> {
    if (!this.#draw) throw new Error(`${this.#title}: its values were discarded; write() new ones.`);
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
      `${this.#title}: ${formatSpec(this)} takes a ${expected} of ${this.size} values, ` +
        `but a ${data.constructor.name} of ${data.length} was given.`,
    );
  }
}

/** State that programs update but no optimizer does: running statistics, counters, caches. Of any dtype. */
export class Buffer extends Parameter {
  /** Whether it is saved to files. */
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
