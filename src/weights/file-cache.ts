// What keeps downloaded files, so that they are fetched once and are there offline.

import { blobSource, type ByteSource } from './byte-source.ts';

/** What is known of a file on a server. */
export interface FileFacts {
  readonly url: string;
  /** Bytes in all; null where the server does not say. */
  readonly size: number | null;
  /** The server's mark of this version. */
  readonly etag: string | null;
  /** Checksum of the content in hexadecimal digits, where it is published. */
  readonly sha256: string | null;
  /** The commit of the repository from which it is. */
  readonly commit: string | null;
}

/** A file that is here as a whole. */
export interface KeptFile {
  readonly facts: FileFacts;
  readonly bytes: ByteSource;
}

/** A file on its way: what has come so far, also in earlier tries. */
export interface PartialFile {
  /** Bytes that are here. */
  readonly size: number;
  /** Of which version they are; null where nothing is here. */
  readonly facts: FileFacts | null;
  /** The bytes that are here, in order. */
  read(): AsyncIterable<Uint8Array>;
  /** Adds bytes at the end. @throws if there is no room for them. */
  append(bytes: Uint8Array): Promise<void>;
  /** Drops what is here and begins anew, with `facts`. */
  restart(facts: FileFacts): Promise<void>;
  /** The whole file has come: it takes the place of an older version. */
  finish(name: string, facts: FileFacts): Promise<ByteSource>;
  /** Stops; what has come is kept for the next try. */
  pause(): Promise<void>;
  /** Stops and drops what has come. */
  drop(): Promise<void>;
}

/** Keeps files under keys, which are paths such as `hub/org/name/main/model.safetensors`. */
export interface FileCache {
  /** What errors call it, such as its folder. */
  readonly name: string;
  /** A file that is here as a whole, or null. `name` is what errors call the file. */
  find(key: string, name: string): Promise<KeptFile | null>;
  /** Begins a download, or goes on with one that was cut. @throws if nothing can be written. */
  begin(key: string): Promise<PartialFile>;
}

/** A download in memory, for where nothing can be kept. `chunks` are what has come already. */
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
    // A Blob may be larger than an array.
    finish: async (name) => blobSource(new Blob(chunks as Uint8Array<ArrayBuffer>[]), name),
    pause: async () => {},
    drop,
  };
}
