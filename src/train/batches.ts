// Where a run's batches come from, and how the next one is made while the GPU works on this one.

import type { TensorData, TypedArray } from '../core/dtype.ts';
import type { TensorSpec } from '../core/tensor.ts';

type Named<T> = Readonly<Record<string, T>>;

/** Values for each input of a task. */
export type Batch = Named<TypedArray>;

/** Batches as a pure function of their number, so that a resumed run gets the same ones. */
export interface BatchSource {
  /** What one batch holds. */
  readonly specs: Named<TensorSpec>;
  /** Batch 0, 1, 2, …: new arrays each time, as the one before may still be on its way to the GPU. */
  batch(index: number): Batch | Promise<Batch>;
}

/** For a run that computes with its state alone, as one that optimizes a picture does. */
export const NO_BATCHES: BatchSource = { specs: {}, batch: () => ({}) };

/** Hands out the batches of a source, and makes the next ones ahead of time. */
export class BatchQueue {
  readonly #made = new Map<BatchSource, Map<number, Promise<Batch>>>();

  /** Batch `index` of `source`. All who ask for it get the same arrays. */
  take(source: BatchSource, index: number): Promise<Batch> {
    const batches = this.#of(source);
    let batch = batches.get(index);
    if (!batch) {
      // A source that throws and one that rejects are alike to whoever waits.
      batch = (async () => source.batch(index))();
      // Whoever takes it hears of the failure; one that was only made ahead may never be taken.
      batch.catch(() => batches.delete(index));
      batches.set(index, batch);
    }
    return batch;
  }

  /** Forgets batches before `index`. */
  dropBefore(source: BatchSource, index: number): void {
    const batches = this.#of(source);
    for (const made of batches.keys()) if (made < index) batches.delete(made);
  }

  /** Forgets all batches. */
  clear(): void {
    this.#made.clear();
  }

  #of(source: BatchSource): Map<number, Promise<Batch>> {
    let batches = this.#made.get(source);
    if (!batches) this.#made.set(source, (batches = new Map()));
    return batches;
  }
}

/** Micro-batches as the one batch that they are parts of: one after the other along the first axis. */
export function joinBatches(parts: readonly Batch[]): Batch {
  if (parts.length === 1) return parts[0];
  return Object.fromEntries(Object.keys(parts[0]).map((name) => [name, joined(parts.map((part) => part[name]))]));
}

/** Outputs of micro-batches as those of one batch: means of single numbers, everything else along the first axis. */
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
