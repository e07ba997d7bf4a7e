// Sharded weights: several files with an index, such as Hugging Face's `model.safetensors.index.json`.

import type { ByteSource } from './byte-source.ts';
import { openFile } from './open-file.ts';
import { entryOf, quoteName, type WeightEntry, type WeightSource } from './weight-source.ts';

/** Opens a file beside the index; null if there is none. */
export type OpenSibling = (name: string) => Promise<ByteSource | null>;

/** A folder of files: on disk, on a server, in a repository, or chosen together by a user. */
export interface Place {
  /** Opens a file; null if there is none. */
  open: OpenSibling;
}

/**
 * Opens all shards of an index, reading only names and shapes.
 * @param index the index's text.
 * @throws an Error that names the missing shards, or a tensor that is not in the shard given by the index.
 */
export async function shardedSource(
  name: string,
  index: string,
  open: OpenSibling,
  within?: string,
): Promise<WeightSource> {
  const { places, metadata } = parseIndex(name, index);
  const files = [...new Set(places.values())].sort();
  const shards = new Map<string, WeightSource>();
  const missing: string[] = [];
  const close = async () => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    for (const file of files) {
      const bytes = await open(file);
      if (bytes) shards.set(file, await openFile(bytes, within));
      else missing.push(file);
    }
    if (missing.length > 0) throw new Error(describeMissing(name, files, missing, places));
    const entries = new Map<string, WeightEntry>();
    for (const [tensor, file] of places) {
      const entry = shards.get(file)!.entries.get(tensor);
      if (!entry)
        throw new Error(
          `${name} places ${quoteName(tensor)} in ${file}, which does not hold it: one of the files is from another model.`,
        );
      entries.set(tensor, { ...entry, memory: entry.memory && `${file}:${entry.memory}` });
    }
    const format = `${shards.get(files[0])?.format ?? 'empty'}, ${files.length} files`;
    const source: WeightSource = {
      name,
      format,
      entries,
      metadata,
      read: (tensor, dtype, signal) => {
        entryOf(source, tensor);
        return shards.get(places.get(tensor)!)!.read(tensor, dtype, signal);
      },
      close,
    };
    return source;
  } catch (error) {
    await close();
    throw error;
  }
}

/** Whether a file that starts with these bytes may be an index, which is plain JSON. */
export const startsAsJson = (bytes: Uint8Array): boolean =>
  /^\s*\{\s*"/.test(new TextDecoder().decode(bytes.subarray(0, 64)));

function parseIndex(name: string, text: string) {
  let parsed: { weight_map?: unknown; metadata?: unknown };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch (cause) {
    throw new Error(`${name} is not valid JSON (${(cause as Error).message}).`, { cause });
  }
  const map = parsed?.weight_map;
  if (typeof map !== 'object' || map === null) {
    throw new Error(`${name} is JSON, but not an index of shards: it has no weight_map. Load the weights file itself.`);
  }
  const places = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    // A path could point outside the folder.
    if (typeof file !== 'string' || /[/\\]|^\.\.?$/.test(file)) {
      throw new Error(`${name} places ${quoteName(tensor)} in ${JSON.stringify(file)}, which is not a file beside it.`);
    }
    places.set(tensor, file);
  }
  const metadata = Object.fromEntries(
    Object.entries(parsed.metadata ?? {}).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
  return { places, metadata };
}

function describeMissing(
  name: string,
  files: readonly string[],
  missing: readonly string[],
  places: Map<string, string>,
): string {
  const lost = [...places].filter(([, file]) => missing.includes(file)).map(([tensor]) => tensor);
  const many = missing.length > 1;
  return (
    `${name} names ${files.length} files, but ${missing.join(', ')} ${many ? 'are' : 'is'} missing ` +
    `(${lost.length} tensors: ${lost.slice(0, 3).join(', ')}${lost.length > 3 ? ' …' : ''}). ` +
    `Put ${many ? 'them' : 'it'} beside the index.`
  );
}
