// Files in Node: atomic writes, and reads with helpful errors.

import { randomBytes } from 'node:crypto';
import { promises } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { encodeWeights, type Savable, type SaveOptions } from './save.ts';

const { open, readdir, readFile, realpath, rename, stat, unlink } = promises;

/**
 * Writes `bytes`, or chunks as they arrive, to `path` atomically: to a temporary file in the same folder, which is synced to
 * disk and then renamed. A symbolic link is kept and its target replaced. An existing file keeps its permissions.
 * @throws an Error that says why the file could not be written; the temporary file is removed.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const existing = await stat(target).catch(() => null);
    const file = await open(temporary, 'wx', existing?.mode);
    try {
      if (bytes instanceof Uint8Array) await file.writeFile(bytes);
      else for await (const part of bytes) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (cause) {
    await unlink(temporary).catch(() => {});
    throw new Error(`Cannot write ${path}: ${await explainFileError(cause, target)}`, { cause });
  }
  await syncFolder(folder);
}

// A rename survives a power failure only once its folder is synced. Windows cannot open folders and does not need this.
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/**
 * Reads a file.
 * @param what what the file is to the user, such as `'the weights'`, for the error message.
 * @throws an Error such as "Cannot read the weights: there is no file a.safetensors in the folder runs."
 */
export async function readFileOrExplain(path: string, what: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { buffer, byteOffset, byteLength } = await readFile(path);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (cause) {
    throw new Error(`Cannot read ${what}: ${await explainFileError(cause, path)}`, { cause });
  }
}

/** The names of the files in a folder, sorted. @throws an Error like that of `readFileOrExplain`. */
export async function listFilesOrExplain(folder: string, what: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT'
        ? 'it does not exist.'
        : code === 'ENOTDIR'
          ? 'it is a file.'
          : await explainFileError(cause, folder);
    throw new Error(`Cannot read ${what} ${folder}: ${reason}`, { cause });
  }
}

/**
 * Saves a model's weights, or tensors, as a safetensors file, one tensor at a time and atomically.
 * @throws the errors of `encodeWeights` and `writeFileAtomic`.
 */
export async function saveWeightsFile(path: string, savable: Savable, options?: SaveOptions): Promise<void> {
  await writeFileAtomic(path, encodeWeights(savable, options));
}

/** Why a file cannot be read or written, as a sentence. */
export async function explainFileError(error: unknown, path: string): Promise<string> {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT': {
      const folder = dirname(path);
      const isThere = await stat(folder).then(
        (found) => found.isDirectory(),
        () => false,
      );
      return isThere ? `there is no file ${basename(path)} in the folder ${folder}.` : `there is no folder ${folder}.`;
    }
    case 'ENOTDIR':
      return `part of the path ${path} is a file, not a folder.`;
    case 'EISDIR':
      return `${path} is a folder, not a file.`;
    case 'EACCES':
    case 'EPERM':
      return `permission denied for ${path}.`;
    case 'EROFS':
      return `${path} is on a read-only file system.`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `there is no space left for ${path}.`;
    case 'ERR_FS_FILE_TOO_LARGE':
      return `${path} is larger than 2 GiB, the most that Node reads at once.`;
    default:
      return message;
  }
}
