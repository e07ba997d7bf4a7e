// Character tokenizer: a character's index in the vocabulary is its id.

import { expectTokenId, frameAsBert, type Framed, type SpecialIds, type Tokenizer } from './tokenizer.ts';

/** What to do with a character that is not in the vocabulary: throw, drop it, or replace it with [UNK]. */
export type UnknownCharacters = 'error' | 'drop' | 'token';

/** Some characters of a text are not in the vocabulary. */
export class UnknownCharacterError extends Error {
  /** The distinct unknown characters, in text order. */
  readonly characters: readonly string[];

  constructor(characters: readonly string[], first: number, vocabularySize: number) {
    const shown = characters.slice(0, 5).map(spelled).join(', ');
    const more = characters.length > 5 ? ` and ${characters.length - 5} more` : '';
    super(
      `The vocabulary of ${vocabularySize} lacks ${shown}${more} (first at character ${first + 1} of the text). ` +
        `Remove ${characters.length > 1 ? 'them' : 'it'}, or drop unknown characters with unknown: 'drop'.`,
    );
    this.name = 'UnknownCharacterError';
    this.characters = characters;
  }
}

/** A character with its code point, as many are invisible. */
const spelled = (character: string) =>
  `${JSON.stringify(character)} (U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')})`;

/** BERT's names for special tokens. */
const SPECIAL_NAMES = { pad: '[PAD]', unknown: '[UNK]', begin: '[CLS]', end: '[SEP]', mask: '[MASK]' } as const;

/** The JSON form, also used in the metadata of a weights file. */
export interface CharTokenizerJson {
  readonly type: 'characters';
  readonly vocabulary: readonly string[];
}

/**
 * A tokenizer whose tokens are characters: Unicode code points, never bytes or lone surrogates. A vocabulary entry of more
 * than one character, such as `[MASK]`, is a special token: recognised in texts and decoded to nothing.
 */
export class CharTokenizer implements Tokenizer {
  /** The token of each id. */
  readonly vocabulary: readonly string[];
  readonly special: SpecialIds;
  readonly unknown: UnknownCharacters;
  readonly #ids: ReadonlyMap<string, number>;
  /** Matches special tokens and characters; null if there are no special tokens. */
  readonly #pattern: RegExp | null;

  constructor(vocabulary: readonly string[], { unknown = 'error' }: { readonly unknown?: UnknownCharacters } = {}) {
    if (vocabulary.length === 0) throw new Error('CharTokenizer: the vocabulary is empty.');
    this.vocabulary = [...vocabulary];
    this.#ids = new Map(vocabulary.map((token, id) => [token, id]));
    if (this.#ids.size < vocabulary.length || this.#ids.has('')) {
      const wrong = vocabulary.find((token, id) => token === '' || this.#ids.get(token) !== id)!;
      throw new Error(
        `CharTokenizer: the vocabulary holds ${JSON.stringify(wrong)} ${wrong ? 'twice' : 'as a token'}.`,
      );
    }
    const named = Object.entries(SPECIAL_NAMES).map(([name, token]) => [name, this.#ids.get(token)] as const);
    this.special = Object.fromEntries(named.filter(([, id]) => id !== undefined));
    this.unknown = unknown;
    if (unknown === 'token' && this.special.unknown === undefined) {
      throw new Error(
        "CharTokenizer: unknown: 'token' needs the token [UNK] in the vocabulary; use 'drop' or 'error'.",
      );
    }
    const long = vocabulary.filter((token) => [...token].length > 1).toSorted((a, b) => b.length - a.length);
    const escaped = long.map((token) => token.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
    this.#pattern = long.length > 0 ? new RegExp(`${escaped.join('|')}|.`, 'gsu') : null;
  }

  /** The tokens `special`, then the characters of `text` by code point. */
  static of(text: string, special: readonly string[] = []): CharTokenizer {
    const characters = [...new Set(text)].toSorted((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
    if (characters.length === 0) throw new Error('CharTokenizer: the text is empty, so it has no vocabulary.');
    return new CharTokenizer([...special, ...characters]);
  }

  /**
   * The tokens `special`, then the characters of `texts` by descending frequency, as in vocab.txt; at most `size` tokens in
   * total.
   */
  static byFrequency(texts: readonly string[], special: readonly string[] = [], size = Infinity): CharTokenizer {
    const counts = new Map<string, number>();
    for (const text of texts) for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    if (counts.size === 0) throw new Error('CharTokenizer: the texts are empty, so they have no vocabulary.');
    const byCount = [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return new CharTokenizer([...special, ...byCount.map(([character]) => character)].slice(0, size));
  }

  /** Parses the result of `JSON.stringify(tokenizer)`. */
  static parse(json: string): CharTokenizer {
    const { type, vocabulary } = JSON.parse(json) as Partial<CharTokenizerJson>;
    if (type !== 'characters' || !Array.isArray(vocabulary)) {
      throw new Error(
        'CharTokenizer: this is not the JSON of a character tokenizer: { "type": "characters", "vocabulary": […] }.',
      );
    }
    return new CharTokenizer(vocabulary);
  }

  toJSON(): CharTokenizerJson {
    return { type: 'characters', vocabulary: this.vocabulary };
  }

  /** A tokenizer with the same vocabulary that treats unknown characters as given. */
  with(unknown: UnknownCharacters): CharTokenizer {
    return new CharTokenizer(this.vocabulary, { unknown });
  }

  get vocabularySize(): number {
    return this.vocabulary.length;
  }

  /** @throws an UnknownCharacterError for characters that are not in the vocabulary, if `unknown` is 'error'. */
  encode(text: string): Int32Array {
    const tokens = this.#pattern ? (text.match(this.#pattern) ?? []) : [...text];
    const ids = new Int32Array(tokens.length);
    const unknown = new Set<string>();
    let [length, first] = [0, -1];
    for (const [place, token] of tokens.entries()) {
      const id = this.#ids.get(token) ?? (this.unknown === 'token' ? this.special.unknown : undefined);
      if (id !== undefined) ids[length++] = id;
      else if (unknown.add(token).size === 1) first = place;
    }
    if (unknown.size > 0 && this.unknown === 'error') {
      throw new UnknownCharacterError([...unknown], first, this.vocabularySize);
    }
    return ids.slice(0, length);
  }

  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => {
      const token = this.token(id);
      // Special tokens have more than one character.
      return token.length > String.fromCodePoint(token.codePointAt(0)!).length ? '' : token;
    }).join('');
  }

  token(id: number): string {
    expectTokenId('CharTokenizer', id, this.vocabularySize);
    return this.vocabulary[id];
  }

  frame(first: Int32Array, second?: Int32Array): Framed {
    return frameAsBert('CharTokenizer', this.special, first, second);
  }
}
