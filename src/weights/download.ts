// Downloads a file: resumes after interruptions, verifies the checksum, and caches the result.

// Hashes bytes as they arrive, which WebCrypto cannot.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { ByteSource } from './byte-source.ts';
import { memoryFile, type FileCache, type FileFacts, type PartialFile } from './file-cache.ts';
import type { LoadProgress } from './load.ts';

/** A file to download, with the facts known beforehand. */
export interface RemoteFile extends FileFacts {
  /** Used in progress and error messages. */
  readonly name: string;
  /** The cache key. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Progress, cancellation and retries of a download. */
export interface DownloadOptions {
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
  /** Called with problems that do not stop the download, such as a full cache. */
  readonly onNotice?: (text: string) => void;
  /** Milliseconds before the first retry, doubled for each further one (default 500). */
  readonly retryDelay?: number;
  /** Milliseconds without data after which a connection counts as lost (default 30,000). */
  readonly stallTimeout?: number;
}

/** Consecutive attempts without progress before a download fails. */
const TRIES = 5;

/** The server responded with an error status. */
export class HttpError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }
}

/**
 * Downloads a file, resuming a partial one in `cache`. If the cache fails, this is reported and the download continues
 * without it.
 * @throws an HttpError; an Error if the connection is lost for good (the partial file is kept), or if the size or checksum is
 *   wrong (the file is deleted).
 */
export async function download(
  file: RemoteFile,
  cache: FileCache | null,
  options: DownloadOptions = {},
): Promise<ByteSource> {
  const transfer = new Transfer(file, cache, options);
  try {
    await transfer.open();
    await transfer.run();
    return await transfer.finish();
  } catch (error) {
    await transfer.pause();
    throw error;
  }
}

class Transfer {
  readonly #file: RemoteFile;
  readonly #cache: FileCache | null;
  readonly #options: DownloadOptions;
  #to: PartialFile = memoryFile();
  #hash = sha256.create();
  #facts: FileFacts;

  constructor(file: RemoteFile, cache: FileCache | null, options: DownloadOptions) {
    this.#file = file;
    this.#cache = cache;
    this.#options = options;
    const { url, size, etag, sha256, commit } = file;
    this.#facts = { url, size, etag, sha256, commit };
  }

  async open(): Promise<void> {
    if (!this.#cache) return;
    try {
      this.#to = await this.#cache.begin(this.#file.key);
      const before = this.#to.facts;
      if (this.#to.size === 0 || !before || !isSame(before, this.#facts)) return await this.#restart();
      this.#facts = { ...this.#facts, size: this.#facts.size ?? before.size, etag: this.#facts.etag ?? before.etag };
      for await (const bytes of this.#to.read()) this.#hash.update(bytes);
    } catch (error) {
      this.#withoutCache([], error);
      this.#hash = sha256.create();
    }
  }

  async run(): Promise<void> {
    const { name } = this.#file;
    for (let failures = 0; !this.#isWhole;) {
      const before = this.#to.size;
      try {
        if (await this.#receive()) return;
        throw new Error('the connection was lost');
      } catch (cause) {
        this.#options.signal?.throwIfAborted();
        if (cause instanceof HttpError && !isTemporary(cause.status)) throw cause;
        failures = this.#to.size > before ? 1 : failures + 1;
        if (failures >= TRIES) {
          const total = this.#facts.size === null ? '' : ` of ${this.#facts.size}`;
          const kept = this.#cache && this.#to.size > 0 ? ' The next attempt resumes from there.' : '';
          throw new Error(
            `${name}: the download stopped at byte ${this.#to.size}${total} (${reasonOf(cause)}).${kept}`,
            { cause },
          );
        }
        await pauseFor((this.#options.retryDelay ?? 500) * 2 ** (failures - 1), this.#options.signal);
      }
    }
  }

  get #isWhole(): boolean {
    return this.#facts.size !== null && this.#to.size === this.#facts.size;
  }

  /** One request. True once the whole file has arrived. */
  async #receive(): Promise<boolean> {
    const from = this.#to.size;
    const range: Record<string, string> = from > 0 ? { Range: `bytes=${from}-` } : {};
    const response = await this.#request({ ...this.#file.headers, ...range });
    const { status, headers, body } = response;
    if (!response.ok) await body?.cancel();
    // We hold more bytes than the server has, so its version is different.
    if (status === 416) return (await this.#restart(), false);
    if (!response.ok || !body) throw httpError(this.#file, status);
    const isPart = status === 206;
    const total = sizeOf(headers, isPart);
    const found: FileFacts = { ...this.#facts, size: this.#facts.size ?? total, etag: headers.get('etag') };
    const isOther = !isSame(this.#facts, found) || (total !== null && total !== found.size);
    if (this.#file.size !== null && total !== null && total !== this.#file.size) {
      await body.cancel();
      throw new Error(`${this.#file.name}: the server has ${total} bytes, but ${this.#file.size} were expected.`);
    }
    if (from > 0 && (!isPart || isOther)) {
      // The server sends the whole file, or a different version.
      await this.#restart(found);
      if (isPart) return (await body.cancel(), false);
    } else if (from === 0) await this.#restart(found);
    for await (const bytes of chunksOf(body, this.#stall)) await this.#append(bytes);
    return this.#facts.size === null || this.#isWhole;
  }

  get #stall(): number {
    return this.#options.stallTimeout ?? 30_000;
  }

  /** The response, unless its headers take too long. */
  async #request(headers: Record<string, string>): Promise<Response> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error(`no response for ${this.#stall / 1000} s`)), this.#stall);
    const signals = [silence.signal, this.#options.signal].filter((signal) => !!signal);
    try {
      return await fetch(this.#file.url, { headers, signal: AbortSignal.any(signals) });
    } finally {
      clearTimeout(timer);
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const { name } = this.#file;
    try {
      await this.#to.append(bytes);
    } catch (error) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of this.#to.read()) chunks.push(chunk);
      await this.#to.drop().catch(() => {});
      this.#withoutCache(chunks, error);
      await this.#to.append(bytes);
    }
    this.#hash.update(bytes);
    this.#options.onProgress?.({ phase: 'download', name, loaded: this.#to.size, total: this.#facts.size });
  }

  async #restart(facts = this.#facts): Promise<void> {
    this.#hash = sha256.create();
    this.#facts = facts;
    await this.#to.restart(facts);
  }

  #withoutCache(chunks: Uint8Array[], cause: unknown): void {
    this.#to = memoryFile(chunks, this.#facts);
    const where = this.#cache ? ` in ${this.#cache.name}` : '';
    this.#options.onNotice?.(
      `${this.#file.name} cannot be cached${where} (${reasonOf(cause)}). It is loaded anyway, but will be downloaded again next time.`,
    );
  }

  async finish(): Promise<ByteSource> {
    const { name, sha256: expected } = this.#file;
    const found = bytesToHex(this.#hash.digest());
    if (expected !== null && found !== expected.toLowerCase()) {
      await this.#to.drop();
      throw new Error(
        `${name}: the SHA-256 is ${found}, but ${expected} was expected. The file is corrupt or has changed, and was deleted: try again.`,
      );
    }
    const facts = { ...this.#facts, size: this.#to.size, sha256: found };
    try {
      return await this.#to.finish(name, facts);
    } catch (error) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of this.#to.read()) chunks.push(chunk);
      this.#withoutCache(chunks, error);
      return this.#to.finish(name, facts);
    }
  }

  async pause(): Promise<void> {
    await this.#to.pause().catch(() => {});
  }
}

/** Whether nothing shows that these are different versions. */
function isSame(a: FileFacts, b: FileFacts): boolean {
  const differ = <T>(x: T | null, y: T | null) => x !== null && y !== null && x !== y;
  return (
    a.url === b.url &&
    !differ(a.etag, b.etag) &&
    !differ(a.size, b.size) &&
    !differ(a.sha256, b.sha256) &&
    !differ(a.commit, b.commit)
  );
}

/** The whole file's size by the response headers; null if the transfer is compressed, when they give the compressed size. */
function sizeOf(headers: Headers, isPart: boolean): number | null {
  if (headers.has('content-encoding') && headers.get('content-encoding') !== 'identity') return null;
  const text = isPart ? /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] : headers.get('content-length');
  return text === null || text === undefined ? null : Number(text);
}

const isTemporary = (status: number) => status === 408 || status === 429 || status >= 500;

function httpError({ name, url }: RemoteFile, status: number): HttpError {
  const why =
    status === 404 ? 'the server has no such file'
    : status === 401 || status === 403 ? 'access is denied. If the model is gated, accept its terms on its page and pass a token'
    : `the server responded ${status}`; // prettier-ignore
  return new HttpError(`${name}: ${why} (${url}).`, status);
}

/** An error's message, with the cause that `fetch` hides. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? `${message}: ${cause.message}` : (message ?? String(error));
}

/** The body's chunks. @throws if none arrives for `stall` milliseconds, as a dead network does not close the connection. */
async function* chunksOf(body: ReadableStream<Uint8Array>, stall: number): AsyncIterable<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no data for ${stall / 1000} s`)), stall);
      });
      const next = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function pauseFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
