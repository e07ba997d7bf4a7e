// Encodes texts or pairs of texts as one batch: adds special tokens, truncates and pads.

import type { Framed, Tokenizer } from './tokenizer.ts';

/** Texts, or pairs of texts, as rows of one length, for a model such as BERT. */
export interface EncodedBatch {
  readonly shape: readonly [rows: number, length: number];
  /** i32 [rows, length] */
  readonly ids: Int32Array<ArrayBuffer>;
  /** i32 [rows, length]: 1 for the second text of a pair. */
  readonly tokenTypes: Int32Array<ArrayBuffer>;
  /** bool [rows, length]: 0 where there is padding. */
  readonly mask: Uint32Array<ArrayBuffer>;
  /** Each row's number of tokens without padding. */
  readonly lengths: readonly number[];
}

export interface EncodeBatchOptions {
  /** Longer rows are truncated at the end, in a pair the longer text first. No limit by default. */
  readonly maxLength?: number;
  /** Minimum length to pad to; by default the longest row. */
  readonly padTo?: number;
}

/** Encodes texts and pairs. @throws an Error if rows need padding and the vocabulary has no padding token. */
export function encodeBatch(
  tokenizer: Tokenizer,
  texts: readonly (string | readonly [first: string, second: string])[],
  { maxLength = Infinity, padTo = 0 }: EncodeBatchOptions = {},
): EncodedBatch {
  const rows = texts.map((text) => {
    const [first, second] = typeof text === 'string' ? [text] : text;
    return frameWithin(
      tokenizer,
      tokenizer.encode(first),
      second === undefined ? undefined : tokenizer.encode(second),
      maxLength,
    );
  });
  const length = rows.reduce((most, { ids }) => Math.max(most, ids.length), padTo);
  const { pad } = tokenizer.special;
  if (pad === undefined && rows.some(({ ids }) => ids.length < length)) {
    throw new Error(
      'encodeBatch: the texts differ in length, but the vocabulary has no padding token; encode them one by one.',
    );
  }
  const size = rows.length * length;
  const batch = {
    ids: new Int32Array(size).fill(pad ?? 0),
    tokenTypes: new Int32Array(size),
    mask: new Uint32Array(size),
  };
  for (const [row, { ids, tokenTypes }] of rows.entries()) {
    batch.ids.set(ids, row * length);
    batch.tokenTypes.set(tokenTypes, row * length);
    batch.mask.fill(1, row * length, row * length + ids.length);
  }
  return { shape: [rows.length, length], ...batch, lengths: rows.map(({ ids }) => ids.length) };
}

/** The texts with special tokens, truncated to fit. */
function frameWithin(
  tokenizer: Tokenizer,
  first: Int32Array,
  second: Int32Array | undefined,
  maxLength: number,
): Framed {
  const framed = tokenizer.frame(first, second);
  let excess = framed.ids.length - maxLength;
  if (excess <= 0) return framed;
  let [firstLength, secondLength] = [first.length, second?.length ?? 0];
  if (excess >= firstLength + secondLength) {
    const least = framed.ids.length - firstLength - secondLength + 1;
    throw new Error(
      `encodeBatch: maxLength is ${maxLength}, but the special tokens and one token of text need ${least}.`,
    );
  }
  for (; excess > 0; excess--) {
    if (firstLength > secondLength) firstLength--;
    else secondLength--;
  }
  return tokenizer.frame(first.subarray(0, firstLength), second?.subarray(0, secondLength));
}
