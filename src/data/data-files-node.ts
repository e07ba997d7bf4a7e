// The user's data files in Node.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listFilesOrExplain, readFileOrExplain } from '../weights/files-node.ts';
import type { DataFiles } from './data-files.ts';

/**
 * The files at `paths`; for a folder, all files directly in it.
 * @throws an Error that names a path that does not exist or cannot be read.
 */
export async function openDataFiles(paths: readonly string[]): Promise<DataFiles> {
  const folders = await Promise.all(paths.map(isFolder));
  const lists = paths.map(async (path, i) => {
    if (!folders[i]) return [path];
    return (await listFilesOrExplain(path, 'the data folder')).map((name) => join(path, name));
  });
  const titles = paths.map((path, i) => (folders[i] ? `the folder ${path}` : path));
  return {
    title: titles.join(' and '),
    names: (await Promise.all(lists)).flat(),
    bytes: (name) => readFileOrExplain(name, 'the data'),
  };
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (!found) throw new Error(`Cannot read the data: ${path} does not exist.`);
  return found.isDirectory();
}
