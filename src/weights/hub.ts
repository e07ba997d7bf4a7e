// Model files on Hugging Face, by plain requests: one API response lists all files with sizes and checksums, where
// @huggingface/hub would make three requests and add 54 KiB to a page.

import type { ByteSource } from './byte-source.ts';
import { download, HttpError, reasonOf, type DownloadOptions } from './download.ts';
import type { FileCache, KeptFile } from './file-cache.ts';
import type { Place } from './sharded.ts';

/** How to reach the hub. */
export interface HubOptions extends DownloadOptions {
  /** Base URL (default `https://huggingface.co`); may be a mirror. */
  readonly hubUrl?: string;
  /** An access token, for private and gated models. */
  readonly token?: string;
  /** Fetches a newer version if there is one. Otherwise the cached version is used and the newer one reported. */
  readonly update?: boolean;
  /** Called when there is a newer version than the cached one in use. */
  readonly onNewer?: (version: string) => void;
}

/** A model on the hub. */
export interface HubId {
  /** `org/name`. */
  readonly repo: string;
  readonly revision: string;
  /** A file in the repository, if given. */
  readonly file?: string;
}

/** Parses `org/name`, `org/name@revision` or `org/name/path/of/file`; null for other text. */
export function parseHubId(text: string): HubId | null {
  const match = /^([\w.-]+\/[\w.-]+)(?:@([\w.-]+))?(?:\/(.+))?$/.exec(text);
  return match && { repo: match[1], revision: match[2] ?? 'main', file: match[3] };
}

interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, { readonly size: number | null; readonly sha256: string | null }>;
}

/** One version of a model's files, cached or on the hub. */
export interface HubPlace extends Place {
  /** Names of files in the repository, or null if the hub cannot be reached; then `open` finds only cached files. */
  readonly files: ReadonlySet<string> | null;
}

/** Milliseconds to wait for the check for a newer version when one is already cached. */
export const CHECK_TIMEOUT = 8000;

/**
 * A model's files, as listed by the hub. If it cannot be reached, cached files are used.
 * @param probe file names; any of them in the cache is enough to work offline, such as the usual names of weights.
 * @throws an Error if the model does not exist, access is denied, or the hub cannot be reached and nothing is cached.
 */
export async function openHub(
  id: HubId,
  probe: readonly string[],
  cache: FileCache | null,
  options: HubOptions,
): Promise<HubPlace> {
  const { repo, revision } = id;
  const keyOf = (file: string) => `hub/${repo}/${revision}/${file}`;
  let kept: { commit: string | null } | null = null;
  for (const file of probe) {
    const found: KeptFile | null = (!kept && (await cache?.find(keyOf(file), file))) || null;
    if (!found) continue;
    await found.bytes.close?.();
    kept = { commit: found.facts.commit };
  }

  let listing: Listing | null = null;
  try {
    listing = await list(repo, revision, options, kept ? CHECK_TIMEOUT : null);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!kept) throw error;
    options.onNotice?.(`Using the cached copy of ${repo}; could not check for a newer version (${reasonOf(error)}).`);
  }
  // All files come from one commit: an index must match its shards.
  const pinned = kept?.commit && listing && kept.commit !== listing.commit && !options.update ? kept.commit : null;
  if (pinned) options.onNewer?.(listing!.commit);
  const current = pinned ? () => list(repo, pinned, options, null) : async () => listing;
  return {
    files: listing && new Set(listing.files.keys()),
    async open(file): Promise<ByteSource | null> {
      const name = `${repo}/${file}`;
      const found = await cache?.find(keyOf(file), name);
      const commit = pinned ?? listing?.commit ?? kept?.commit;
      const wanted = listing?.files.get(file);
      // A new commit may leave the content unchanged.
      const isCurrent =
        found && (found.facts.commit === commit || (!pinned && wanted?.sha256 && wanted.sha256 === found.facts.sha256));
      if (found && (isCurrent || !listing)) return found.bytes;
      await found?.bytes.close?.();
      const files = await current();
      const facts = files?.files.get(file);
      if (!files || !facts) return null;
      const path = file.split('/').map(encodeURIComponent).join('/');
      const url = `${hubOf(options)}/${repo}/resolve/${files.commit}/${path}`;
      const remote = {
        name,
        key: keyOf(file),
        headers: headersOf(options),
        url,
        etag: null,
        commit: files.commit,
        ...facts,
      };
      return download(remote, cache, options);
    },
  };
}

const hubOf = ({ hubUrl }: HubOptions) => (hubUrl ?? 'https://huggingface.co').replace(/\/$/, '');

const headersOf = ({ token }: HubOptions): Record<string, string> =>
  token ? { Authorization: `Bearer ${token}` } : {};

async function list(repo: string, revision: string, options: HubOptions, timeout: number | null): Promise<Listing> {
  const url = `${hubOf(options)}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const signals = [options.signal, timeout === null ? null : AbortSignal.timeout(timeout)].filter((signal) => !!signal);
  let response: Response;
  try {
    response = await fetch(url, { headers: headersOf(options), signal: AbortSignal.any(signals) });
  } catch (cause) {
    throw new Error(`${repo}: Hugging Face cannot be reached (${reasonOf(cause)}), and no copy is cached.`, { cause });
  }
  if (!response.ok) {
    await response.body?.cancel();
    // The hub responds 401 for models that do not exist, so as not to reveal private ones.
    const why =
      response.status === 401 || response.status === 404 ? `There is no model ${repo} at revision ${revision} on Hugging Face, or it is private: pass a token`
      : response.status === 403 ? `${repo} is gated: accept its terms on its page and pass a token`
      : `${repo}: Hugging Face responded ${response.status}`; // prettier-ignore
    throw new HttpError(`${why} (${url}).`, response.status);
  }
  const { sha, siblings } = (await response.json()) as {
    sha: string;
    siblings: { rfilename: string; size?: number; lfs?: { sha256?: string; size?: number } }[];
  };
  return {
    commit: sha,
    files: new Map(
      siblings.map(({ rfilename, size, lfs }) => [
        rfilename,
        { size: lfs?.size ?? size ?? null, sha256: lfs?.sha256 ?? null },
      ]),
    ),
  };
}
