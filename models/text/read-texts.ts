// Reads text files for models.

import { decodeText, type DataFiles } from '../../src/index.ts';

/** What --data takes for models that read text. */
export const TEXT_DATA = 'text files (UTF-8, UTF-16 or GB18030), or folders of .txt files';

/**
 * The texts of all named files, and of the .txt files in named folders. @throws an Error that names the file at fault.
 */
export async function readTexts(files: DataFiles): Promise<string[]> {
  const { names, title } = files;
  const texts = names.filter((name) => names.length === 1 || /\.txt$/i.test(name));
  if (texts.length === 0) {
    throw new Error(`There are no text files in ${title}: pass files, or a folder with .txt files.`);
  }
  return Promise.all(texts.map(async (name) => decodeText(await files.bytes(name), { name }).text));
}
