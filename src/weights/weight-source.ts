// A source of weights: what tensors there are, and each read when it is asked for.

import type { DType, TensorData } from '../core/dtype.ts';
import type { StoredType } from './stored-type.ts';

/** What is known of a stored tensor before it is read. */
export interface WeightEntry {
  /** The type in the file. */
  readonly stored: StoredType;
  /** The dtype that it is read as where none is asked for. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Tensors of one source with the same `memory` are one in the file, such as tied weights. */
  readonly memory?: string;
}

/** Tensors in a file, or in several. Nothing is read but their names and shapes until `read` asks for one. */
export interface WeightSource {
  /** What errors call it, such as a file's path. */
  readonly name: string;
  /** What kind of file it is. */
  readonly format: string;
  readonly entries: ReadonlyMap<string, WeightEntry>;
  /** Text about the file; formats that keep none give an empty record. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor, as `dtype` if given. The array is the caller's.
   * @throws an Error that names the file and the tensor: unknown, cut, or with a value that `dtype` cannot hold.
   */
  read(name: string, dtype?: DType, signal?: AbortSignal): Promise<TensorData>;
  /** Lets go of the files. */
  close(): Promise<void>;
}

/** A tensor's name for an error, cut where it is absurdly long. */
export const quoteName = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

/** The entry called `name`. @throws an Error if there is none. */
export function entryOf<E extends WeightEntry>(
  { name: file, entries }: { name: string; entries: ReadonlyMap<string, E> },
  name: string,
): E {
  const entry = entries.get(name);
  if (!entry) throw new Error(`${file} holds no tensor ${quoteName(name)}.`);
  return entry;
}

/** All tensors of a source, each as it is read where no dtype is asked for. For files that fit in memory. */
export async function readTensors(source: WeightSource): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const name of source.entries.keys()) tensors.set(name, await source.read(name));
  return tensors;
}
