// Splits texts into training and held-out parts.

/** A text's training and held-out parts. */
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
 * A line that begins with 第…回, perhaps after spaces: a chapter heading of a Chinese novel. The rare sentence that begins
 * like one also counts, so that results compare with those published for this split.
 */
const CHAPTER = /^(?=[^\S\n]*第[^\s]{1,8}回)/m;

/** The chapters of a Chinese novel, each with its title line. Chapter 0 is the text before the first, perhaps empty. */
export function chaptersOf(text: string): string[] {
  const parts = text.split(CHAPTER);
  return text.search(CHAPTER) === 0 ? ['', ...parts] : parts;
}

/** `text` without whitespace; `keepLines` keeps line ends. */
export const withoutBlanks = (text: string, keepLines = false): string =>
  text.replaceAll(keepLines ? /[^\S\n]/gu : /\s/gu, '');

/**
 * Holds out chapters 5, 15, 25 … (0 is the preface) and trains on the others.
 * @throws an Error for a text with fewer than five chapters.
 */
export function heldOutChapters(text: string): Split<string[]> {
  const chapters = chaptersOf(text);
  if (chapters.length < 6) {
    throw new Error(
      `This text has ${chapters.length - 1} chapters (lines that start with 第…回); holding out the 5th, 15th … needs at least five.`,
    );
  }
  const isHeldOut = (_: string, i: number) => i % 10 === 5;
  return {
    train: chapters.filter((chapter, i) => !isHeldOut(chapter, i)),
    heldOut: chapters.filter(isHeldOut),
  };
}
