// The interface of weight sources: names and shapes at once, each tensor on request.

import type { DType, TensorData } from '../core/dtype.ts';
import type { StoredType } from './stored-type.ts';

/** A stored tensor's description, known before it is read. */
export interface WeightEntry {
  /** The type in the file. */
  readonly stored: StoredType;
  /** The dtype it is read as by default. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Tensors with the same `memory` share one copy in the file, such as tied weights. */
  readonly memory?: string;
}

/** Tensors in one or more files. Only names and shapes are read until `read` is called. */
export interface WeightSource {
  /** Used in error messages, such as a file's path. */
  readonly name: string;
  /** The file format. */
  readonly format: string;
  readonly entries: ReadonlyMap<string, WeightEntry>;
  /** The file's metadata; empty for formats without any. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor, as `dtype` if given. The caller owns the array.
   * @throws an Error that names the file and the tensor, if it is unknown, truncated, or holds a value that `dtype` cannot
   *   represent.
   */
  read(name: string, dtype?: DType, signal?: AbortSignal): Promise<TensorData>;
  /** Closes the files. */
  close(): Promise<void>;
}

/** A tensor's name for an error message, shortened if very long. */
export const quoteName = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

/** The entry named `name`. @throws an Error if there is none. */
export function entryOf<E extends WeightEntry>(
  { name: file, entries }: { name: string; entries: ReadonlyMap<string, E> },
  name: string,
): E {
  const entry = entries.get(name);
  if (!entry) throw new Error(`${file} holds no tensor ${quoteName(name)}.`);
  return entry;
}

/** All tensors of a source, each in its default dtype. For files that fit in memory. */
export async function readTensors(source: WeightSource): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const name of source.entries.keys()) tensors.set(name, await source.read(name));
  return tensors;
}
