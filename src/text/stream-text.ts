// Token ids as text, piece by piece: a character may be made of several tokens, so what is not complete yet is held back.

import type { Tokenizer } from './tokenizer.ts';

/** What stands for bytes that are no character (yet). */
const INCOMPLETE = '\ufffd';

/** Decodes a growing list of ids; the pieces joined are what decoding all ids at once gives. */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  /**
   * Ids whose text has not been given in full, behind one piece that has: it may shape what follows it, as blanks between
   * words.
   */
  #ids: number[] = [];
  /** The text of the given piece. */
  #given = '';

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The text that `id` completes; empty while a character is not whole. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#tokenizer.decode(this.#ids);
    return text.endsWith(INCOMPLETE) ? '' : this.#advance(text);
  }

  /** The rest, whole or not, when no more ids come. */
  end(): string {
    return this.#advance(this.#tokenizer.decode(this.#ids));
  }

  #advance(text: string): string {
    const piece = text.slice(this.#given.length);
    if (piece === '') return '';
    // One given token is enough to know whether the next one opens a word.
    this.#ids = this.#ids.slice(-1);
    this.#given = this.#tokenizer.decode(this.#ids);
    return piece;
  }
}
