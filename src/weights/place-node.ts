// Weights on disk, read in parts so that files may be larger than memory.

import { promises, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkRange, type ByteSource } from './byte-source.ts';
import { explainFileError } from './files-node.ts';
import { looksLikePath, MODEL_FILES } from './open-weights.ts';
import type { Place } from './sharded.ts';

/** A file on disk, open until `close`. @throws an Error that says why it cannot be opened. */
export async function fileSource(path: string): Promise<ByteSource> {
  const handle = await promises.open(path, 'r').catch(async (cause) => {
    throw new Error(`Cannot read ${path}: ${await explainFileError(cause, path)}`, { cause });
  });
  const { size } = await handle.stat();
  const source: ByteSource = {
    name: path,
    size,
    async read(begin, end, signal) {
      checkRange(source, begin, end);
      signal?.throwIfAborted();
      const bytes = new Uint8Array(end - begin);
      for (let done = 0; done < bytes.length;) {
        // One read returns at most 2 GiB.
        const length = Math.min(bytes.length - done, 2 ** 30);
        const { bytesRead } = await handle.read(bytes, done, length, begin + done);
        if (bytesRead === 0) throw new Error(`${path} was truncated while being read.`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
  return source;
}

/**
 * Finds the weights file at a path or `file:` URL, or in the folder there. Null if nothing exists there and the text may be
 * an id.
 * @throws an Error for a missing file, or a folder without weights.
 */
export async function findPath(pathOrUrl: string): Promise<{ place: Place; file: string } | null> {
  const path = pathOrUrl.startsWith('file:') ? fileURLToPath(pathOrUrl) : pathOrUrl;
  const found = await statOf(path);
  if (!found && !looksLikePath(path)) return null;
  if (!found) throw new Error(`Cannot read the weights: ${await explainFileError({ code: 'ENOENT' }, path)}`);
  if (!found.isDirectory()) return { place: folderPlace(dirname(path)), file: basename(path) };
  for (const file of MODEL_FILES) {
    if (await statOf(join(path, file))) return { place: folderPlace(path), file };
  }
  throw new Error(`The folder ${path} holds none of ${MODEL_FILES.join(', ')}. Give the path of the weights file.`);
}

const statOf = (path: string): Promise<Stats | null> => promises.stat(path).catch(() => null);

const folderPlace = (folder: string): Place => ({
  open: async (name) => ((await statOf(join(folder, name))) ? fileSource(join(folder, name)) : null),
});
