// Chinese novels for BERT's training and evaluation: chapters without blanks, every tenth held out.

import { heldOutChapters, withoutBlanks, type CharTokenizer, type DataFiles, type Split } from '../../../src/index.ts';
import { readTexts } from '../../text/read-texts.ts';

/** Describes --data. */
export const CHAPTER_DATA =
  'Chinese novels as text files (UTF-8, UTF-16 or GB18030) with chapters (lines that start with 第…回), or folders of them';

/** The chapters of all files. @throws an Error that names the file at fault. */
export async function readChapters(files: DataFiles): Promise<Split<string[]>> {
  const novels = (await readTexts(files)).map((text) => heldOutChapters(text));
  const all = (part: 'train' | 'heldOut') =>
    novels.flatMap((novel) => novel[part].map((chapter) => withoutBlanks(chapter)).filter((chapter) => chapter !== ''));
  return { train: all('train'), heldOut: all('heldOut') };
}

/** The ids of the chapters that have room for two segments. @throws an Error if there are none. */
export function encodeChapters(chapters: readonly string[], tokenizer: CharTokenizer, places: number): Int32Array[] {
  const ids = chapters.map((chapter) => tokenizer.encode(chapter)).filter(({ length }) => length >= places);
  if (ids.length === 0) {
    throw new Error(`The texts are too short: no chapter has the ${places} characters that two segments need.`);
  }
  return ids;
}
