// What every tokenizer can do: text to token ids and back.

/** Ids of the tokens that stand for no text, where a tokenizer has them. */
export interface SpecialIds {
  /** Fills up short rows of a batch. */
  readonly pad?: number;
  /** Stands for what the vocabulary lacks. */
  readonly unknown?: number;
  /** Opens a text (BERT's [CLS], GPT-2's <|endoftext|>). */
  readonly begin?: number;
  /** Ends a text, or parts two (BERT's [SEP]). */
  readonly end?: number;
  /** Stands in the place of a token that is to be guessed. */
  readonly mask?: number;
}

/** A text, or a pair of texts, with the special tokens that its model expects around it. */
export interface Framed {
  readonly ids: Int32Array;
  /** 0 for the first text and what belongs to it, 1 for the second; as long as `ids`. */
  readonly tokenTypes: Int32Array;
}

/** Turns text into the numbers that a language model reads, and back. */
export interface Tokenizer {
  /** Ids are 0 … vocabularySize - 1. */
  readonly vocabularySize: number;
  readonly special: SpecialIds;
  /** The ids of `text`, without special tokens around it; special tokens written in the text are recognised. */
  encode(text: string): Int32Array;
  /** The text of `ids`. Special tokens give none. */
  decode(ids: ArrayLike<number>): string;
  /** The token of an id as the vocabulary spells it; throws for an id that there is not. */
  token(id: number): string;
  /** Puts the special tokens of a text, or of a pair, around already encoded ids. */
  frame(first: Int32Array, second?: Int32Array): Framed;
}

/** Throws, naming both numbers, unless `id` is an id of the vocabulary. */
export function expectTokenId(who: string, id: number, vocabularySize: number): void {
  if (Number.isInteger(id) && id >= 0 && id < vocabularySize) return;
  throw new Error(`${who}: there is no token ${id}; the vocabulary has ids 0 to ${vocabularySize - 1}.`);
}

/** BERT's frame: [CLS] first [SEP] second [SEP], with token types 0 and 1. */
export function frameAsBert(who: string, special: SpecialIds, first: Int32Array, second?: Int32Array): Framed {
  const { begin, end } = special;
  if (begin === undefined || end === undefined) {
    if (second)
      throw new Error(`${who}: a pair of texts needs the tokens [CLS] and [SEP], which the vocabulary lacks.`);
    return { ids: first, tokenTypes: new Int32Array(first.length) };
  }
  const ids = Int32Array.of(begin, ...first, end, ...(second ? [...second, end] : []));
  const tokenTypes = new Int32Array(ids.length).fill(1, first.length + 2);
  return { ids, tokenTypes };
}
