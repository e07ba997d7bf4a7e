// A device's copies of the parameters that its programs use, kept up to date with the newest values.

import type { TypedArray } from '../../core/dtype.ts';
import type { Arena } from '../../core/arena.ts';
import type { Parameter, ParameterHome } from '../../core/parameter.ts';
import { byteLength, createBuffer, upload, type Place } from './buffers.ts';

/** A buffer of one parameter, or of several in an arena. */
interface Block {
  readonly buffer: GPUBuffer;
  readonly parameters: readonly Parameter[];
  /** Number of the parameters that have a copy there. */
  copies: number;
}

/** A parameter's part of a block. */
interface Spot extends Place {
  readonly block: Block;
}

interface Copy {
  spot: Spot;
  version: number;
  users: number;
}

/** The device's copies of parameters. */
export class ParameterStore {
  readonly #device: GPUDevice;
  readonly #home: ParameterHome;
  // Weak: a model that is garbage-collected takes its buffers with it.
  readonly #copies = new WeakMap<Parameter, Copy>();
  /** The spots of parameters in arenas, even while no program uses them. */
  readonly #spots = new WeakMap<Parameter, Spot>();
  #moves = 0;

  constructor(device: GPUDevice, home: ParameterHome) {
    this.#device = device;
    this.#home = home;
  }

  /** Incremented when parameters move: bind groups that use them must then be rebuilt. */
  get moves(): number {
    return this.#moves;
  }

  /** Moves the parameters of `arena` into one buffer, until none of them is in use. Call it before `acquire`. */
  layOut({ parameters, offsets, whole }: Arena): void {
    if (!parameters || this.#spots.has(parameters[0])) return;
    const block = this.#block(`parameters ${parameters[0].name} …`, parameters, whole);
    const encoder = this.#device.createCommandEncoder();
    const left: Block[] = [];
    parameters.forEach((parameter, i) => {
      const spot = { block, buffer: block.buffer, offset: offsets[i] };
      this.#spots.set(parameter, spot);
      const copy = this.#copies.get(parameter);
      if (!copy) return;
      encoder.copyBufferToBuffer(copy.spot.buffer, 0, spot.buffer, spot.offset, byteLength(parameter));
      left.push(copy.spot.block);
      copy.spot = spot;
      block.copies++;
    });
    if (left.length === 0) return;
    this.#device.queue.submit([encoder.finish()]);
    for (const { buffer } of left) buffer.destroy();
    this.#moves++;
  }

  /** Allocates the parameter's memory on first use. Each `acquire` needs a `release`. */
  acquire(parameter: Parameter): void {
    let copy = this.#copies.get(parameter);
    if (!copy) {
      const spot = this.#spots.get(parameter) ?? this.#alone(parameter);
      spot.block.copies++;
      copy = { spot, version: 0, users: 0 };
      this.#copies.set(parameter, copy);
    }
    copy.users++;
  }

  /** Frees the memory, unless other programs use it or the newest values are only here. */
  release(parameter: Parameter): void {
    const copy = this.#copies.get(parameter)!;
    copy.users--;
    this.forget(parameter);
  }

  /** Frees the copy of a parameter that no program uses, if its newest values are also elsewhere. */
  forget(parameter: Parameter): void {
    const copy = this.#copies.get(parameter);
    if (!copy || copy.users > 0 || !parameter.leaves(this.#home)) return;
    this.#copies.delete(parameter);
    const { block } = copy.spot;
    if (--block.copies > 0) return;
    block.buffer.destroy();
    for (const member of block.parameters) this.#spots.delete(member);
  }

  /** Uploads the newest values if the copy is stale. Returns a promise only if it has to wait for them. */
  refresh(parameter: Parameter): Promise<void> | undefined {
    const copy = this.#copies.get(parameter)!;
    if (copy.version === parameter.version) return undefined;
    const { version } = parameter;
    const values = parameter.newest();
    if (values instanceof Promise) return values.then((data) => this.#fill(parameter, version, data));
    this.#fill(parameter, version, values);
    return undefined;
  }

  /** Records that a program of this device has changed the parameter. */
  changed(parameter: Parameter): void {
    this.#copies.get(parameter)!.version = parameter.changedBy(this.#home);
  }

  /** Where the parameter is, until parameters move; it must be in use, or its newest values must be here. */
  placeOf(parameter: Parameter): Place {
    const copy = this.#copies.get(parameter);
    if (!copy) throw new Error(`Parameter ${parameter.name} is not on this device.`);
    return copy.spot;
  }

  #block(label: string, parameters: readonly Parameter[], tensor: Pick<Arena['whole'], 'size' | 'dtype'>): Block {
    return { buffer: createBuffer(this.#device, label, tensor), parameters, copies: 0 };
  }

  #alone(parameter: Parameter): Spot {
    const block = this.#block(`parameter ${parameter.name}`, [parameter], parameter);
    return { block, buffer: block.buffer, offset: 0 };
  }

  #fill(parameter: Parameter, version: number, data: TypedArray): void {
    const copy = this.#copies.get(parameter)!;
    // Another run may have refreshed the copy, and changed it since.
    if (copy.version >= version) return;
    upload(this.#device, copy.spot, data);
    copy.version = version;
    parameter.heldBy(this.#home, version);
  }
}
