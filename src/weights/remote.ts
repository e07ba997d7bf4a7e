// A file at a URL: cached after the first download and checked for newer versions, or read in parts without a cache.

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { urlSource, type ByteSource } from './byte-source.ts';
import { download, reasonOf, type DownloadOptions } from './download.ts';
import type { FileCache } from './file-cache.ts';
import { CHECK_TIMEOUT } from './hub.ts';

/** How a URL is opened. */
export interface RemoteOptions extends DownloadOptions {
  readonly sha256?: string;
  readonly update?: boolean;
  readonly onNewer?: (version: string) => void;
}

/**
 * Opens the file at `url`, from the cache if it is there; the server is asked whether it has a newer version.
 * @throws the errors of `download`.
 */
export async function openRemote(url: URL, cache: FileCache | null, options: RemoteOptions): Promise<ByteSource> {
  const expected = options.sha256?.toLowerCase() ?? null;
  if (!cache && !expected) {
    const parts = await urlSource(url, {}, options.signal).catch(() => null);
    if (parts) return parts;
  }
  const file = url.pathname.split('/').at(-1) || 'index';
  // A hash of the whole URL, so that no two share a key, however long they are.
  const mark = bytesToHex(sha256(new TextEncoder().encode(url.href))).slice(0, 16);
  const key = `url/${url.host}/${mark}/${file}`;
  const kept = await cache?.find(key, url.href);
  if (kept) {
    const other = expected ? kept.facts.sha256 !== expected : await newerVersion(url, kept.facts.etag, options);
    if (!other) return kept.bytes;
    if (!expected && !options.update) {
      options.onNewer?.(String(other));
      return kept.bytes;
    }
    await kept.bytes.close?.();
  }
  const facts = { url: url.href, size: null, etag: null, sha256: expected, commit: null };
  return download({ ...facts, name: url.href, key, headers: {} }, cache, options);
}

/** The server's ETag if it differs from `etag`; null if it does not, or the server cannot be asked. */
async function newerVersion(url: URL, etag: string | null, options: RemoteOptions): Promise<string | null> {
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(CHECK_TIMEOUT), ...(options.signal ? [options.signal] : [])]);
    const response = await fetch(url, { method: 'HEAD', signal });
    if (!response.ok) throw new Error(`the server responded ${response.status}`);
    const found = response.headers.get('etag');
    return found !== null && found !== etag ? found : null;
  } catch (error) {
    options.signal?.throwIfAborted();
    options.onNotice?.(
      `Using the cached copy of ${url.href}; could not check for a newer version (${reasonOf(error)}).`,
    );
    return null;
  }
}
