// Tokenizers in Hugging Face formats: tokenizer.json, or only a vocabulary (BERT's vocab.txt, GPT-2's vocabulary and merges).

// Hugging Face's own package covers normalizers, BPE, WordPiece and Unigram.
import { Tokenizer as Implementation } from '@huggingface/tokenizers';
import { expectTokenId, frameAsBert, type Framed, type SpecialIds, type Tokenizer } from './tokenizer.ts';

type Json = Readonly<Record<string, unknown>>;

/** Names of special tokens in published vocabularies, by use. */
const SPECIAL_NAMES: Readonly<Record<keyof SpecialIds, readonly string[]>> = {
  pad: ['[PAD]', '<pad>'],
  unknown: ['[UNK]', '<unk>'],
  begin: ['[CLS]', '<s>', '<|startoftext|>', '<|endoftext|>'],
  end: ['[SEP]', '</s>', '<|endoftext|>'],
  mask: ['[MASK]', '<mask>'],
};

/** Fields of tokenizer_config.json that name special tokens, by use; the first that is present applies. */
const CONFIG_FIELDS: Readonly<Record<keyof SpecialIds, readonly string[]>> = {
  pad: ['pad_token'],
  unknown: ['unk_token'],
  begin: ['cls_token', 'bos_token'],
  end: ['sep_token', 'eos_token'],
  mask: ['mask_token'],
};

/** A tokenizer in a Hugging Face format. */
export class HuggingFaceTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly special: SpecialIds;
  readonly #implementation: Implementation;

  /** From parsed tokenizer.json and tokenizer_config.json; see also `fromJson`, `fromVocabulary` and `fromMerges`. */
  constructor(tokenizer: Json, config: Json = {}) {
    this.#implementation = new Implementation(tokenizer, config);
    const ids = this.#implementation.get_vocab(true);
    let size = 0;
    for (const id of ids.values()) size = Math.max(size, id + 1);
    this.vocabularySize = size;
    const idOf = (use: keyof SpecialIds) => {
      const named = CONFIG_FIELDS[use].map((field) => contentOf(config[field])).filter((name) => name !== undefined);
      return [...named, ...SPECIAL_NAMES[use]].map((name) => ids.get(name)).find((id) => id !== undefined);
    };
    const uses = Object.keys(SPECIAL_NAMES) as (keyof SpecialIds)[];
    this.special = Object.fromEntries(uses.map((use) => [use, idOf(use)]).filter(([, id]) => id !== undefined));
  }

  /** From the text of tokenizer.json and, if there is one, tokenizer_config.json. */
  static fromJson(tokenizer: string, config = '{}'): HuggingFaceTokenizer {
    return new HuggingFaceTokenizer(parsed('tokenizer.json', tokenizer), parsed('tokenizer_config.json', config));
  }

  /**
   * From BERT's vocab.txt, one token per line.
   * @param lowercase whether to lowercase texts and strip accents; by default if the vocabulary has no capital letters.
   */
  static fromVocabulary(
    vocabulary: string,
    { lowercase }: { readonly lowercase?: boolean } = {},
  ): HuggingFaceTokenizer {
    // Only at "\n": BERT's Chinese vocabulary has an entry with U+2028, which is also a line separator.
    const tokens = vocabulary.replace(/\n$/, '').split('\n');
    const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].filter((token) => tokens.includes(token));
    const lacking = ['[UNK]', '[CLS]', '[SEP]'].filter((token) => !special.includes(token));
    if (lacking.length > 0) {
      throw new Error(
        `HuggingFaceTokenizer: this is not a BERT vocabulary with one token per line: it lacks ${lacking.join(', ')}.`,
      );
    }
    const isLower = lowercase ?? !tokens.some((token) => !special.includes(token) && /^[A-Z]+$/.test(token));
    return new HuggingFaceTokenizer(bertJson(tokens, special, isLower), { clean_up_tokenization_spaces: true });
  }

  /** From GPT-2's vocabulary (vocab.json or encoder.json) and merges (merges.txt or vocab.bpe). */
  static fromMerges(vocabulary: string, merges: string): HuggingFaceTokenizer {
    const vocab = parsed('the vocabulary', vocabulary);
    return new HuggingFaceTokenizer(byteLevelJson(vocab as Readonly<Record<string, number>>, merges));
  }

  encode(text: string): Int32Array {
    return Int32Array.from(this.#implementation.encode(text, { add_special_tokens: false }).ids);
  }

  decode(ids: ArrayLike<number>): string {
    // The package rejects an empty list.
    if (ids.length === 0) return '';
    const list = Array.from(ids);
    for (const id of list) expectTokenId('HuggingFaceTokenizer', id, this.vocabularySize);
    return this.#implementation.decode(list, { skip_special_tokens: true });
  }

  token(id: number): string {
    expectTokenId('HuggingFaceTokenizer', id, this.vocabularySize);
    return this.#implementation.id_to_token(id) ?? '';
  }

  frame(first: Int32Array, second?: Int32Array): Framed {
    const { post_processor: processor } = this.#implementation;
    // The texts are already encoded and truncated; the processor only adds special tokens.
    const names = (ids: Int32Array) => Array.from(ids, (id) => this.token(id));
    const pair = second ? names(second) : null;
    const { tokens, token_type_ids: types } = processor?.post_process(names(first), pair, true) ?? {
      tokens: names(first),
    };
    if (second && tokens.length < first.length + second.length) return frameAsBert('HuggingFaceTokenizer', this.special, first, second); // prettier-ignore
    const ids = Int32Array.from(tokens, (token) => this.#implementation.token_to_id(token)!);
    return { ids, tokenTypes: Int32Array.from(types ?? new Array<number>(ids.length).fill(0)) };
  }
}

/** The text of a special token in a config: a string, or an object's `content`. */
function contentOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

function parsed(name: string, json: string): Json {
  try {
    return JSON.parse(json) as Json;
  } catch (error) {
    throw new Error(`HuggingFaceTokenizer: ${name} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** An entry of `added_tokens`. */
const addedToken = (content: string, id: number): Json => ({
  id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false,
}); // prettier-ignore

/** The tokenizer.json equivalent to a BERT vocabulary. */
function bertJson(tokens: readonly string[], special: readonly string[], lowercase: boolean): Json {
  const ids = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const place = (kind: 'SpecialToken' | 'Sequence', id: string, type_id: number) => ({ [kind]: { id, type_id } });
  const single = [place('SpecialToken', '[CLS]', 0), place('Sequence', 'A', 0), place('SpecialToken', '[SEP]', 0)];
  const pair = [...single, place('Sequence', 'B', 1), place('SpecialToken', '[SEP]', 1)];
  const framing = Object.fromEntries(['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [ids[id]], tokens: [id] }]));
  return {
    version: '1.0',
    added_tokens: special.map((token) => addedToken(token, ids[token])),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'TemplateProcessing', single, pair, special_tokens: framing },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: ids,
    },
  }; // prettier-ignore
}

/** The tokenizer.json equivalent to GPT-2's two files. */
function byteLevelJson(vocab: Readonly<Record<string, number>>, merges: string): Json {
  const lines = merges.split('\n').map((line) => line.replace(/\r$/, ''));
  const end = '<|endoftext|>';
  return {
    version: '1.0',
    added_tokens: end in vocab ? [addedToken(end, vocab[end])] : [],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      unk_token: null,
      vocab,
      merges: lines.filter((line) => line !== '' && !line.startsWith('#version')),
    },
  };
}
