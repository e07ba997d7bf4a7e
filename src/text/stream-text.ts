// Decodes token ids incrementally. A character may take several tokens, so incomplete ones are held back.

import type { Tokenizer } from './tokenizer.ts';

/** Replaces bytes that do not (yet) form a character. */
const INCOMPLETE = '\ufffd';

/** Decodes a growing list of ids. The pieces together equal the text of all ids decoded at once. */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  /**
   * Ids whose text has not been returned in full, after the last one that has: it affects what follows, such as spaces
   * between words.
   */
  #ids: number[] = [];
  /** The text already returned for `#ids`. */
  #given = '';

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The text completed by `id`; empty while a character is incomplete. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#tokenizer.decode(this.#ids);
    return text.endsWith(INCOMPLETE) ? '' : this.#advance(text);
  }

  /** The remaining text, complete or not, after the last id. */
  end(): string {
    return this.#advance(this.#tokenizer.decode(this.#ids));
  }

  #advance(text: string): string {
    const piece = text.slice(this.#given.length);
    if (piece === '') return '';
    // One previous token is enough to tell whether the next one starts a word.
    this.#ids = this.#ids.slice(-1);
    this.#given = this.#tokenizer.decode(this.#ids);
    return piece;
  }
}
