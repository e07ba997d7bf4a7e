// The interface of download caches: files are fetched once and stay available offline.

import { blobSource, type ByteSource } from './byte-source.ts';

/** Facts about a file on a server. */
export interface FileFacts {
  readonly url: string;
  /** Size in bytes; null if unknown. */
  readonly size: number | null;
  /** The server's ETag for this version. */
  readonly etag: string | null;
  /** SHA-256 of the content in hexadecimal; null if unknown. */
  readonly sha256: string | null;
  /** The repository commit it comes from. */
  readonly commit: string | null;
}

/** A complete file in the cache. */
export interface KeptFile {
  readonly facts: FileFacts;
  readonly bytes: ByteSource;
}

/** A file that is being downloaded, including what earlier attempts received. */
export interface PartialFile {
  /** Bytes received so far. */
  readonly size: number;
  /** The version they belong to; null if nothing was received. */
  readonly facts: FileFacts | null;
  /** The bytes received so far, in order. */
  read(): AsyncIterable<Uint8Array>;
  /** Appends bytes. @throws if there is no room for them. */
  append(bytes: Uint8Array): Promise<void>;
  /** Discards the received bytes and starts over, with `facts`. */
  restart(facts: FileFacts): Promise<void>;
  /** Called when the file is complete: replaces the older version. */
  finish(name: string, facts: FileFacts): Promise<ByteSource>;
  /** Stops and keeps the received bytes for the next attempt. */
  pause(): Promise<void>;
  /** Stops and discards the received bytes. */
  drop(): Promise<void>;
}

/** Stores files under keys, which are paths such as `hub/org/name/main/model.safetensors`. */
export interface FileCache {
  /** Used in error messages, such as the folder. */
  readonly name: string;
  /** A complete file, or null. `name` is used in error messages. */
  find(key: string, name: string): Promise<KeptFile | null>;
  /** Begins a download, or resumes an interrupted one. @throws if nothing can be written. */
  begin(key: string): Promise<PartialFile>;
}

/** A download in memory, where nothing can be stored. `chunks` are the bytes received so far. */
export function memoryFile(chunks: Uint8Array[] = [], facts: FileFacts | null = null): PartialFile {
  let size = chunks.reduce((sum, { length }) => sum + length, 0);
  const drop = async () => {
    chunks = [];
    size = 0;
  };
  return {
    get size() {
      return size;
    },
    get facts() {
      return facts;
    },
    async *read() {
      yield* chunks;
    },
    async append(bytes) {
      chunks.push(bytes);
      size += bytes.length;
    },
    async restart(newFacts) {
      await drop();
      facts = newFacts;
    },
    // A Blob may exceed an array's maximum size.
    finish: async (name) => blobSource(new Blob(chunks as Uint8Array<ArrayBuffer>[]), name),
    pause: async () => {},
    drop,
  };
}
