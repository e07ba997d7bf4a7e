// One GPU buffer for each parameter that a device's programs use, kept in step with the newest values.

import type { Parameter, ParameterHome } from '../../core/tensor.ts';
import type { TypedArray } from '../../core/dtype.ts';
import { createBuffer, upload } from './buffers.ts';

interface Copy {
  readonly buffer: GPUBuffer;
  version: number;
  users: number;
}

/** The device's copies of parameters. */
export class ParameterStore {
  readonly #device: GPUDevice;
  readonly #home: ParameterHome;
  // Weak: a model that nobody holds any more takes its buffers with it.
  readonly #copies = new WeakMap<Parameter, Copy>();

  constructor(device: GPUDevice, home: ParameterHome) {
    this.#device = device;
    this.#home = home;
  }

  /** The parameter's buffer, made on first use. Each `acquire` is answered by a `release`. */
  acquire(parameter: Parameter): GPUBuffer {
    let copy = this.#copies.get(parameter);
    if (!copy) {
      copy = { buffer: createBuffer(this.#device, `parameter ${parameter.name}`, parameter), version: 0, users: 0 };
      this.#copies.set(parameter, copy);
    }
    copy.users++;
    return copy.buffer;
  }

  /** Gives the buffer back. It stays while other programs use it or the newest values are only here. */
  release(parameter: Parameter): void {
    const copy = this.#copies.get(parameter)!;
    if (--copy.users > 0 || parameter.home === this.#home) return;
    copy.buffer.destroy();
    this.#copies.delete(parameter);
  }

  /** Uploads the newest values if the copy is older. Resolves at once, without a promise, when it is not. */
  refresh(parameter: Parameter): Promise<void> | undefined {
    const copy = this.#copies.get(parameter)!;
    if (copy.version === parameter.version) return undefined;
    const { version } = parameter;
    if (!parameter.home) {
      this.#fill(copy, version, parameter.hostValues);
      return undefined;
    }
    return parameter.read().then(({ data }) => this.#fill(copy, version, data));
  }

  /** Notes that a program of this device has changed the parameter. */
  changed(parameter: Parameter): void {
    parameter.home = this.#home;
    this.#copies.get(parameter)!.version = ++parameter.version;
  }

  /** The parameter's buffer, which must exist. */
  bufferOf(parameter: Parameter): GPUBuffer {
    const copy = this.#copies.get(parameter);
    if (!copy) throw new Error(`Parameter ${parameter.name} is not on this device.`);
    return copy.buffer;
  }

  #fill(copy: Copy, version: number, data: TypedArray): void {
    // Another run may have brought the copy up to date, and changed it since.
    if (copy.version >= version) return;
    upload(this.#device, copy.buffer, data);
    copy.version = version;
  }
}
