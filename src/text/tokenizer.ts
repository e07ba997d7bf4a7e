// The interface of tokenizers: text to token ids and back.

/** Ids of special tokens, if the vocabulary has them. */
export interface SpecialIds {
  /** Pads short rows of a batch. */
  readonly pad?: number;
  /** Replaces text that the vocabulary lacks. */
  readonly unknown?: number;
  /** Begins a text (BERT's [CLS], GPT-2's <|endoftext|>). */
  readonly begin?: number;
  /** Ends a text, or separates two (BERT's [SEP]). */
  readonly end?: number;
  /** Replaces a token to predict. */
  readonly mask?: number;
}

/** A text, or a pair of texts, with the special tokens that the model expects. */
export interface Framed {
  readonly ids: Int32Array;
  /** Per id, 0 for the first text with its special tokens, 1 for the second. */
  readonly tokenTypes: Int32Array;
}

/** Converts text to token ids and back. */
export interface Tokenizer {
  /** Ids are 0 … vocabularySize - 1. */
  readonly vocabularySize: number;
  readonly special: SpecialIds;
  /** The ids of `text`. Adds no special tokens, but recognises those written in the text. */
  encode(text: string): Int32Array;
  /** The text of `ids`, without special tokens. */
  decode(ids: ArrayLike<number>): string;
  /** An id's token, as spelled in the vocabulary. @throws an Error for an id outside the vocabulary. */
  token(id: number): string;
  /** Adds the special tokens to an encoded text, or a pair. */
  frame(first: Int32Array, second?: Int32Array): Framed;
}

/** @throws an Error unless `id` is in the vocabulary. */
export function expectTokenId(who: string, id: number, vocabularySize: number): void {
  if (Number.isInteger(id) && id >= 0 && id < vocabularySize) return;
  throw new Error(`${who}: there is no token ${id}; the vocabulary has ids 0 to ${vocabularySize - 1}.`);
}

/** BERT's format: [CLS] first [SEP] second [SEP], with token types 0 and 1. */
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
