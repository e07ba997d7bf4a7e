// Times passes by the GPU's own clock.

/** Passes per query set: WebGPU allows 4,096 timestamps, two for each pass. */
const PASSES = 2048;

/** Measures up to `count` passes of one submission. */
export class Timestamps {
  readonly #device: GPUDevice;
  readonly #count: number;
  readonly #sets: readonly GPUQuerySet[];

  constructor(device: GPUDevice, count: number) {
    this.#device = device;
    this.#count = count;
    const sizes = Array.from({ length: Math.ceil(count / PASSES) }, (_, i) => Math.min(PASSES, count - i * PASSES));
    this.#sets = sizes.map((passes) => device.createQuerySet({ type: 'timestamp', count: 2 * passes }));
  }

  /** The descriptor for pass number `index`. */
  pass(index: number): GPUComputePassDescriptor {
    const at = 2 * (index % PASSES);
    const querySet = this.#sets[Math.floor(index / PASSES)];
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } };
  }

  /** Records the readback; after the submission the returned function resolves with each pass's nanoseconds. */
  record(encoder: GPUCommandEncoder): () => Promise<number[]> {
    const size = 16 * this.#count;
    const resolved = this.#device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const staging = this.#device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.#sets.forEach((set, i) => encoder.resolveQuerySet(set, 0, set.count, resolved, i * PASSES * 16));
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    return async () => {
      await staging.mapAsync(GPUMapMode.READ);
      const times = new BigUint64Array(staging.getMappedRange());
      const durations = Array.from({ length: this.#count }, (_, i) => Number(times[2 * i + 1] - times[2 * i]));
      for (const buffer of [resolved, staging]) buffer.destroy();
      for (const set of this.#sets) set.destroy();
      // Negative if the clock was set back between the two.
      return durations.map((duration) => Math.max(0, duration));
    };
  }
}
