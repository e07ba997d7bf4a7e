// Creates, fills and reads buffers.

import { allocate, bytesPerElement, type TypedArray } from '../../core/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';

/** Where a tensor is: a buffer and a byte offset. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** A copy of bytes to a place in another buffer. */
export interface BufferCopy {
  readonly from: Place;
  readonly to: Place;
  readonly bytes: number;
}

/** WebGPU copies and writes in multiples of 4 bytes. */
const align = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** Bytes of `tensor` in a buffer: whole vec4s, which a kernel may read and write, and at least one. */
export const byteLength = ({ size, dtype }: Pick<Tensor, 'size' | 'dtype'>): number =>
  Math.max(1, Math.ceil((size * bytesPerElement[dtype]) / 16)) * 16;

/** Bytes that `tensor` may take in a shared buffer, whose tensors begin at multiples of 256. */
export const alignedLength = (tensor: Pick<Tensor, 'size' | 'dtype'>): number =>
  Math.ceil(byteLength(tensor) / 256) * 256;

/** A storage buffer for `tensor`. */
export function createBuffer(device: GPUDevice, label: string, tensor: Pick<Tensor, 'size' | 'dtype'>): GPUBuffer {
  return createStorage(device, label, byteLength(tensor));
}

/** A storage buffer of `size` bytes. */
export function createStorage(device: GPUDevice, label: string, size: number): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return device.createBuffer({ label, size, usage });
}

/** Writes `data` to its place. */
export function upload(device: GPUDevice, { buffer, offset }: Place, data: TypedArray): void {
  // Deno 2.9 crashes on an empty write.
  if (data.length === 0) return;
  if (data.byteLength % 4 === 0) {
    device.queue.writeBuffer(buffer, offset, data as GPUAllowSharedBufferSource);
    return;
  }
  const padded = new Uint8Array(align(data.byteLength));
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  device.queue.writeBuffer(buffer, offset, padded);
}

/** Copies a mapped buffer's bytes at `offset` into a new array for `tensor`. */
export function copyOut(tensor: Tensor, mapped: ArrayBuffer, offset: number): TypedArray {
  const host = allocate(tensor.dtype, tensor.size);
  new Uint8Array(host.buffer).set(new Uint8Array(mapped, offset, host.byteLength));
  return host;
}
