// Reads buffers back to the host through reused staging buffers.

import type { TypedArray } from '../../core/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';
import { byteLength, copyOut, type Place } from './buffers.ts';

/** A tensor to read back, and where it is. */
export type Source = readonly [tensor: Tensor, place: Place];

/** A pool of staging buffers of one device. */
export class Readback {
  readonly #device: GPUDevice;
  readonly #idle: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Records copies of `sources` into `encoder`. After its submission, the returned function resolves with the values. */
  record(encoder: GPUCommandEncoder, sources: readonly Source[]): () => Promise<TypedArray[]> {
    const total = sources.reduce((bytes, [tensor]) => bytes + byteLength(tensor), 0);
    const staging = this.#take(total);
    let at = 0;
    for (const [tensor, { buffer, offset }] of sources) {
      encoder.copyBufferToBuffer(buffer, offset, staging, at, byteLength(tensor));
      at += byteLength(tensor);
    }
    return async () => {
      await staging.mapAsync(GPUMapMode.READ, 0, total);
      const mapped = staging.getMappedRange(0, total);
      let at = 0;
      const values = sources.map(([tensor]) => {
        const value = copyOut(tensor, mapped, at);
        at += byteLength(tensor);
        return value;
      });
      staging.unmap();
      this.#idle.push(staging);
      return values;
    };
  }

  #take(bytes: number): GPUBuffer {
    const at = this.#idle.findIndex(({ size }) => size >= bytes && size <= 4 * bytes + 4096);
    if (at >= 0) return this.#idle.splice(at, 1)[0];
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#device.createBuffer({ label: 'staging', size: bytes, usage });
  }
}
