// Batch sources, and a queue that makes the next batch while the GPU works on the current one.

import type { TensorData, TypedArray } from '../core/dtype.ts';
import type { TensorSpec } from '../core/tensor.ts';

type Named<T> = Readonly<Record<string, T>>;

/** Values of a task's inputs. */
export type Batch = Named<TypedArray>;

/** Batches as a pure function of their index, so that a resumed run gets the same ones. */
export interface BatchSource {
  /** The specs of a batch. */
  readonly specs: Named<TensorSpec>;
  /** Batch 0, 1, 2, …, in new arrays each time, because earlier ones may still be uploading. */
  batch(index: number): Batch | Promise<Batch>;
}

/** For runs without data, such as one that optimizes an image. */
export const NO_BATCHES: BatchSource = { specs: {}, batch: () => ({}) };

/** Makes batches ahead of time and caches them. */
export class BatchQueue {
  readonly #made = new Map<BatchSource, Map<number, Promise<Batch>>>();

  /** Batch `index` of `source`; every call returns the same arrays. */
  take(source: BatchSource, index: number): Promise<Batch> {
    const batches = this.#of(source);
    let batch = batches.get(index);
    if (!batch) {
      // Turns a synchronous throw into a rejection.
      batch = (async () => source.batch(index))();
      // Callers see the failure; a batch made ahead may never be taken.
      batch.catch(() => batches.delete(index));
      batches.set(index, batch);
    }
    return batch;
  }

  /** Drops batches before `index`. */
  dropBefore(source: BatchSource, index: number): void {
    const batches = this.#of(source);
    for (const made of batches.keys()) if (made < index) batches.delete(made);
  }

  /** Drops all batches. */
  clear(): void {
    this.#made.clear();
  }

  #of(source: BatchSource): Map<number, Promise<Batch>> {
    let batches = this.#made.get(source);
    if (!batches) this.#made.set(source, (batches = new Map()));
    return batches;
  }
}

/** Concatenates micro-batches along the first axis. */
export function joinBatches(parts: readonly Batch[]): Batch {
  if (parts.length === 1) return parts[0];
  return Object.fromEntries(Object.keys(parts[0]).map((name) => [name, joined(parts.map((part) => part[name]))]));
}

/** Joins outputs of micro-batches: scalars are averaged, everything else is concatenated along the first axis. */
export function joinOutputs(parts: readonly Named<TensorData>[]): Named<TensorData> {
  if (parts.length === 1) return parts[0];
  const join = (name: string): TensorData => {
    const values = parts.map((part) => part[name]);
    const [{ shape, dtype }] = values;
    const data = joined(values.map((value) => value.data));
    if (shape.length > 0) return { shape: [shape[0] * parts.length, ...shape.slice(1)], dtype, data };
    return dtype === 'f32' ? { shape, dtype, data: Float32Array.of(mean(data)) } : values.at(-1)!;
  };
  return Object.fromEntries(Object.keys(parts[0]).map((name) => [name, join(name)]));
}

const mean = (values: TypedArray): number => (values as Float32Array).reduce((sum, x) => sum + x, 0) / values.length;

function joined<T extends TypedArray>(parts: readonly T[]): T {
  const whole = new (parts[0].constructor as new (length: number) => T)(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
