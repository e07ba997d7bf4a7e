// The arguments of a program's kernels: one uniform buffer, written once, so that replayed dispatches need no writes.

import type { Kernel } from '../../core/kernel.ts';

/** Bytes between lists of arguments: WebGPU's alignment of uniform binding offsets. */
const STRIDE = 256;

/** Bytes of a kernel's arguments as its WGSL declares them: whole vec4s. */
const bytesOf = (values: readonly number[]): number => Math.ceil(values.length / 4) * 16;

/** All arguments of the kernels of one program; equal lists are stored once. */
export class ArgumentBuffer {
  readonly #offsets = new Map<string, number>();
  readonly #buffer: GPUBuffer | null;

  constructor(device: GPUDevice, kernels: readonly Kernel[]) {
    const lists: (readonly number[])[] = [];
    let size = 0;
    for (const { arguments: values = [] } of kernels) {
      if (values.length === 0 || this.#offsets.has(String(values))) continue;
      this.#offsets.set(String(values), size);
      lists.push(values);
      size += Math.ceil(bytesOf(values) / STRIDE) * STRIDE;
    }
    this.#buffer = null;
    if (size === 0) return;
    const data = new Uint32Array(size / 4);
    for (const values of lists) data.set(values, this.#offsets.get(String(values))! / 4);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.#buffer = device.createBuffer({ label: 'arguments', size, usage });
    device.queue.writeBuffer(this.#buffer, 0, data);
  }

  /** What `kernel` binds after its storage buffers: its arguments, if it has any. */
  bindingsOf({ arguments: values = [] }: Kernel): GPUBufferBinding[] {
    if (!this.#buffer || values.length === 0) return [];
    return [{ buffer: this.#buffer, offset: this.#offsets.get(String(values))!, size: bytesOf(values) }];
  }

  dispose(): void {
    this.#buffer?.destroy();
  }
}
