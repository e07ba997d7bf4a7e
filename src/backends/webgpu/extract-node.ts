// Extracts the binaries that the npm package @sparticuz/chromium carries (SwiftShader, Chromium), once, into a cache.

import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

/** The installed @sparticuz/chromium: its folder, its version, and a `require` that resolves from there. */
interface ChromiumPackage {
  readonly folder: string;
  readonly version: string;
  readonly require: NodeJS.Require;
}

/** Finds @sparticuz/chromium beside this library or in the project in the working directory; null if unusable. */
function findPackage(): ChromiumPackage | null {
  // Its binaries are for Linux on x64 only.
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    let entry: string;
    try {
      entry = createRequire(from).resolve('@sparticuz/chromium');
    } catch {
      continue;
    }
    let folder = dirname(entry);
    while (!existsSync(join(folder, 'bin')) && folder !== dirname(folder)) folder = dirname(folder);
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { folder, version, require: createRequire(entry) };
  }
  return null;
}

/** A writable folder: beside the packages, so that a fresh install starts afresh, or else the user's cache. */
async function cacheFolder(packageFolder: string): Promise<string> {
  const candidates = [
    join(packageFolder, '..', '..', '.cache', 'five-tigers'),
    join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'five-tigers'),
  ];
  for (const folder of candidates) {
    try {
      await mkdir(folder, { recursive: true });
      await access(folder, constants.W_OK);
      return folder;
    } catch {
      continue;
    }
  }
  throw new Error(`No folder to extract @sparticuz/chromium into: cannot write to ${candidates.join(' or ')}.`);
}

/**
 * Folder with the extracted `bin/<archive>.br` or `bin/<archive>.tar.br` of @sparticuz/chromium; null if that package is
 * not installed or not for this platform. Safe when several processes call it at once: each extracts into a folder of its
 * own, and the first to finish renames it. `into` replaces the cache folder. Throws an Error when the archive is missing
 * or damaged.
 */
export async function extract(
  archive: 'swiftshader' | 'chromium' | 'al2023' | 'fonts',
  into?: string,
): Promise<string | null> {
  const found = findPackage();
  if (!found) return null;
  const cache = into ?? (await cacheFolder(found.folder));
  const folder = join(cache, `${archive}-${found.version}`);
  if (existsSync(folder)) return folder;
  const partial = await mkdtemp(join(cache, `.${archive}-`));
  try {
    const tar = join(found.folder, 'bin', `${archive}.tar.br`);
    const source = existsSync(tar) ? tar : join(found.folder, 'bin', `${archive}.br`);
    const target =
      source === tar
        ? // A dependency of the package itself, so it is always installed.
          (found.require('tar-fs') as { extract(folder: string): NodeJS.WritableStream }).extract(partial)
        : createWriteStream(join(partial, archive), { mode: 0o755 });
    await pipeline(createReadStream(source), createBrotliDecompress(), target);
    await chmod(partial, 0o755);
    await rename(partial, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } catch (error) {
    throw new Error(`Could not extract ${archive} of @sparticuz/chromium ${found.version}; reinstall that package.`, {
      cause: error,
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}
