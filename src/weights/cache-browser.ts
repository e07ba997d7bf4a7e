// Caches downloads in the browser: in the origin private file system (OPFS), or in the Cache API where OPFS is not writable.
// Files are stored in pieces because OPFS discards a file that was not closed; a closed tab loses at most one piece.

import { blobSource } from './byte-source.ts';
import type { FileCache, FileFacts, PartialFile } from './file-cache.ts';

/** Blobs by name. */
interface BlobStore {
  readonly name: string;
  get(name: string): Promise<Blob | null>;
  /** @throws if there is no room for it. */
  put(name: string, blob: Blob): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Describes a stored file. Each version has its own id. */
interface Manifest {
  readonly facts: FileFacts;
  readonly id: string;
  readonly sizes: readonly number[];
}

/** The names of the pieces. Each includes its byte range, so two tabs that fetch the same file cannot mix their pieces. */
function piecesOf({ id, sizes }: Manifest): string[] {
  let begin = 0;
  return sizes.map((size) => `${id}.${begin}-${(begin += size)}`);
}

const PIECE = 32 << 20;
const FOLDER = 'five-tigers';

let opened: Promise<FileCache | null> | undefined;

/** This browser's cache; null where there is no storage, such as on a page without HTTPS. */
export const browserCache = (): Promise<FileCache | null> =>
  (opened ??= openStore().then((store) => store && cacheIn(store)));

async function openStore(): Promise<BlobStore | null> {
  const isOpfs = 'FileSystemFileHandle' in globalThis && 'createWritable' in FileSystemFileHandle.prototype;
  // Without HTTPS a page has no storage.
  if (isOpfs && 'storage' in navigator) {
    try {
      const root = await navigator.storage.getDirectory();
      return opfsStore(await root.getDirectoryHandle(FOLDER, { create: true }));
    } catch {
      // Some browsers expose OPFS but reject it in private windows.
    }
  }
  return 'caches' in globalThis ? cacheApiStore() : null;
}

function opfsStore(folder: FileSystemDirectoryHandle): BlobStore {
  return {
    name: "the browser's file system",
    async get(name) {
      const handle = await folder.getFileHandle(name).catch(() => null);
      return handle ? handle.getFile() : null;
    },
    async put(name, blob) {
      const handle = await folder.getFileHandle(name, { create: true });
      const file = await handle.createWritable();
      try {
        await file.write(blob);
        await file.close();
      } catch (error) {
        await file.abort().catch(() => {});
        await folder.removeEntry(name).catch(() => {});
        throw error;
      }
    },
    remove: (name) => folder.removeEntry(name).catch(() => {}),
  };
}

function cacheApiStore(): BlobStore {
  // The Cache API needs URLs as keys; this domain does not exist.
  const address = (name: string) => `https://five-tigers.invalid/${name}`;
  return {
    name: "the browser's cache",
    async get(name) {
      const found = await (await caches.open(FOLDER)).match(address(name));
      return found ? found.blob() : null;
    },
    async put(name, blob) {
      await (await caches.open(FOLDER)).put(address(name), new Response(blob));
    },
    async remove(name) {
      await (await caches.open(FOLDER)).delete(address(name));
    },
  };
}

function cacheIn(store: BlobStore): FileCache {
  const readManifest = async (name: string): Promise<Manifest | null> => {
    try {
      const blob = await store.get(name);
      return blob && (JSON.parse(await blob.text()) as Manifest);
    } catch {
      return null;
    }
  };
  const writeManifest = (name: string, manifest: Manifest) => store.put(name, new Blob([JSON.stringify(manifest)]));
  const removePieces = async (manifest: Manifest) => {
    for (const name of piecesOf(manifest)) await store.remove(name);
  };
  /** The pieces as one disk-backed Blob; null if one is missing. */
  const join = async (manifest: Manifest): Promise<Blob | null> => {
    const pieces = await Promise.all(piecesOf(manifest).map((name) => store.get(name)));
    const isWhole = pieces.every((piece, i) => piece?.size === manifest.sizes[i]);
    return isWhole ? new Blob(pieces as Blob[]) : null;
  };

  const begin = async (key: string): Promise<PartialFile> => {
    const [whole, part] = [`${encodeURIComponent(key)}.json`, `${encodeURIComponent(key)}.part.json`];
    let manifest = await readManifest(part);
    if (manifest && !(await join(manifest))) {
      await removePieces(manifest);
      manifest = null;
    }
    let waiting: Uint8Array[] = [];
    let waitingSize = 0;
    const keptSize = () => manifest?.sizes.reduce((sum, size) => sum + size, 0) ?? 0;
    const flush = async () => {
      if (!manifest || waitingSize === 0) return;
      const longer = { ...manifest, sizes: [...manifest.sizes, waitingSize] };
      await store.put(piecesOf(longer).at(-1)!, new Blob(waiting as Uint8Array<ArrayBuffer>[]));
      manifest = longer;
      await writeManifest(part, manifest);
      [waiting, waitingSize] = [[], 0];
    };
    const drop = async () => {
      if (manifest) await removePieces(manifest);
      [manifest, waiting, waitingSize] = [null, [], 0];
      await store.remove(part);
    };
    return {
      get size() {
        return keptSize() + waitingSize;
      },
      get facts() {
        return manifest?.facts ?? null;
      },
      async *read() {
        const blob = manifest && (await join(manifest));
        for (let at = 0; blob && at < blob.size; at += 1 << 20) {
          yield new Uint8Array(await blob.slice(at, at + (1 << 20)).arrayBuffer());
        }
        yield* waiting;
      },
      async append(bytes) {
        waiting.push(bytes);
        waitingSize += bytes.length;
        if (waitingSize < PIECE) return;
        try {
          await flush();
        } catch (error) {
          // The caller still holds these bytes and will store them elsewhere.
          waiting.pop();
          waitingSize -= bytes.length;
          throw error;
        }
      },
      async restart(facts) {
        await drop();
        manifest = { facts, id: crypto.randomUUID(), sizes: [] };
        await writeManifest(part, manifest);
      },
      async finish(name, facts) {
        await flush();
        const done = { ...manifest!, facts };
        const before = await readManifest(whole);
        await writeManifest(whole, done);
        await store.remove(part);
        if (before) await removePieces(before);
        const blob = await join(done);
        if (!blob) throw new Error(`${store.name} lost part of the file`);
        return blobSource(blob, name);
      },
      pause: flush,
      drop,
    };
  };

  return {
    name: store.name,
    async find(key, name) {
      const manifest = await readManifest(`${encodeURIComponent(key)}.json`);
      const blob = manifest && (await join(manifest));
      return manifest && blob ? { facts: manifest.facts, bytes: blobSource(blob, name) } : null;
    },
    begin,
  };
}
