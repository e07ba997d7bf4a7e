// Random access to bytes in memory, in a Blob or on a server. A file above 2 GiB is never in memory as a whole.

/** Random access to the bytes of one file. */
export interface ByteSource {
  /** Used in error messages, such as a file's path. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * The bytes from `begin` up to `end`. They may be shared: the caller must not change them.
   * @throws an Error with the name if the range is outside the file, or the file cannot be read.
   */
  read(begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Releases the file, if one is held open. */
  close?(): Promise<void>;
}

/** @throws an Error if the range is outside the file, which is then truncated or corrupt. */
export function checkRange({ name, size }: ByteSource, begin: number, end: number): void {
  if (begin >= 0 && begin <= end && end <= size) return;
  throw new Error(
    `${name}: needs bytes ${begin} to ${end}, but the file has ${size}: it is truncated or corrupt. Download or copy it again.`,
  );
}

/** Bytes in memory. */
export function bytesSource(bytes: Uint8Array, name = 'the bytes'): ByteSource {
  const source: ByteSource = {
    name,
    size: bytes.length,
    async read(begin, end) {
      checkRange(source, begin, end);
      return bytes.subarray(begin, end);
    },
  };
  return source;
}

/** A Blob, such as a file chosen or dropped on a page; the browser reads only the requested ranges. */
export function blobSource(blob: Blob, name = blob instanceof File ? blob.name : 'the blob'): ByteSource {
  const source: ByteSource = {
    name,
    size: blob.size,
    async read(begin, end, signal) {
      checkRange(source, begin, end);
      signal?.throwIfAborted();
      return new Uint8Array(await blob.slice(begin, end).arrayBuffer());
    },
  };
  return source;
}

/**
 * A file on a server, read by range requests and not cached. If the server ignores them, use `download`.
 * @throws an Error with the server's response.
 */
export async function urlSource(url: URL, headers: HeadersInit = {}, signal?: AbortSignal): Promise<ByteSource> {
  const get = async (begin: number, end: number, signal?: AbortSignal) => {
    const range = { Range: `bytes=${begin}-${end - 1}` };
    const response = await fetch(url, { headers: { ...Object.fromEntries(new Headers(headers)), ...range }, signal });
    if (response.status !== 206) {
      await response.body?.cancel();
      const why = response.ok ? 'ignores range requests: download the file first' : `responded ${response.status}`;
      throw new Error(`${url.href}: the server ${why}.`);
    }
    const total = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]);
    return { bytes: new Uint8Array(await response.arrayBuffer()), total };
  };
  const { total } = await get(0, 1, signal);
  if (!Number.isSafeInteger(total)) throw new Error(`${url.href}: the server does not report the file's size.`);
  const source: ByteSource = {
    name: url.href,
    size: total,
    async read(begin, end, signal) {
      checkRange(source, begin, end);
      if (begin === end) return new Uint8Array(0);
      const { bytes } = await get(begin, end, signal);
      if (bytes.length !== end - begin)
        throw new Error(`${url.href}: the server sent a different range than requested.`);
      return bytes;
    },
  };
  return source;
}
