// The tokenizer that belongs to a model's weights: from their file, or from the training text.

import { CharTokenizer, type Module } from '../../src/index.ts';
import type { Details } from '../entry.ts';

const tokenizers = new WeakMap<Module, CharTokenizer>();

/** The vocabulary in `details`; null if there is none. @throws an Error if it is not JSON. */
export function vocabularyIn(details: Details | undefined): readonly string[] | null {
  if (details?.vocabulary === undefined) return null;
  return JSON.parse(details.vocabulary) as string[];
}

/** A vocabulary as files store it. */
export const detailsOf = ({ vocabulary }: CharTokenizer): Details => ({ vocabulary: JSON.stringify(vocabulary) });

/** Returns `model`, with the tokenizer that `tokenizerOf` will find: that of the vocabulary in `details`. */
export function withVocabulary<M extends Module>(model: M, details: Details | undefined): M {
  const vocabulary = vocabularyIn(details);
  if (vocabulary) tokenizers.set(model, new CharTokenizer(vocabulary));
  return model;
}

/** The tokenizer of a model that was built with a vocabulary. @throws an Error if it was not. */
export function tokenizerOf(model: Module): CharTokenizer {
  const tokenizer = tokenizers.get(model);
  if (tokenizer) return tokenizer;
  throw new Error(
    `These weights of ${model.title} have no vocabulary, so no text can be read. The file's metadata should have a ` +
      '"vocabulary", a JSON list of characters.',
  );
}
