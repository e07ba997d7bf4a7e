// Chinese novels as BERT is trained and measured on them: chapters without blanks, every tenth held out.

import { heldOutChapters, withoutBlanks, type CharTokenizer, type DataFiles, type Split } from '../../../src/index.ts';
import { readTexts } from '../../text/read-texts.ts';

/** What --data takes. */
export const CHAPTER_DATA =
  'Chinese novels as text files (UTF-8, UTF-16 or GB18030) with chapters (lines that begin with 第…回), or folders of them';

/** The chapters of all files. @throws an Error that names the file at fault. */
export async function readChapters(files: DataFiles): Promise<Split<string[]>> {
  const novels = (await readTexts(files)).map((text) => heldOutChapters(text));
  const all = (part: 'train' | 'heldOut') =>
    novels.flatMap((novel) => novel[part].map((chapter) => withoutBlanks(chapter)).filter((chapter) => chapter !== ''));
  return { train: all('train'), heldOut: all('heldOut') };
}

/** The ids of chapters that hold two segments at least. @throws an Error where none is so long. */
export function encodeChapters(chapters: readonly string[], tokenizer: CharTokenizer, places: number): Int32Array[] {
  const ids = chapters.map((chapter) => tokenizer.encode(chapter)).filter(({ length }) => length >= places);
  if (ids.length === 0) {
    throw new Error(`The texts are too short: no chapter has ${places} characters, as two segments need together.`);
  }
  return ids;
}
