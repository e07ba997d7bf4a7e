// How texts are parted into what is trained on and what is held out.

/** Two parts of a text: one to train on, one to measure with. */
export interface Split<T> {
  readonly train: T;
  readonly heldOut: T;
}

/** The first nine tenths of `ids` to train on, the last tenth held out. */
export function lastTenth(ids: Int32Array): Split<Int32Array> {
  const end = Math.floor(ids.length * 0.9);
  return { train: ids.subarray(0, end), heldOut: ids.subarray(end) };
}

/**
 * A line that begins with 第…回, perhaps behind blanks: how a chapter of a Chinese novel opens. The rare sentence that begins
 * so counts too, so that figures compare with those published for this split.
 */
const CHAPTER = /^(?=[^\S\n]*第[^\s]{1,8}回)/m;

/** The chapters of a Chinese novel, each with its title line; what stands before the first, perhaps nothing, is chapter 0. */
export function chaptersOf(text: string): string[] {
  const parts = text.split(CHAPTER);
  return text.search(CHAPTER) === 0 ? ['', ...parts] : parts;
}

/** `text` without blanks of any kind; `keepLines` leaves line ends. */
export const withoutBlanks = (text: string, keepLines = false): string =>
  text.replaceAll(keepLines ? /[^\S\n]/gu : /\s/gu, '');

/**
 * The chapters 5, 15, 25 … (counted from 0, the preface) held out and the others to train on. Throws where a text has fewer
 * than six parts.
 */
export function heldOutChapters(text: string): Split<string[]> {
  const chapters = chaptersOf(text);
  if (chapters.length < 6) {
    throw new Error(
      `This text has ${chapters.length - 1} chapters (lines that start with 第…回); holding out the 5th, 15th … needs five at least.`,
    );
  }
  const isHeldOut = (_: string, i: number) => i % 10 === 5;
  return {
    train: chapters.filter((chapter, i) => !isHeldOut(chapter, i)),
    heldOut: chapters.filter(isHeldOut),
  };
}
