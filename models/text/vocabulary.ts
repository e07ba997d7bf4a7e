// The tokenizer that belongs to a model's weights: from their file, or from the text that they are trained on.

import { CharTokenizer, type Module } from '../../src/index.ts';
import type { Details } from '../entry.ts';

const tokenizers = new WeakMap<Module, CharTokenizer>();

/** The vocabulary in `details`; null for weights that do not say theirs. @throws an Error for one that is not JSON. */
export function vocabularyIn(details: Details | undefined): readonly string[] | null {
  if (details?.vocabulary === undefined) return null;
  return JSON.parse(details.vocabulary) as string[];
}

/** What files keep of a vocabulary. */
export const detailsOf = ({ vocabulary }: CharTokenizer): Details => ({ vocabulary: JSON.stringify(vocabulary) });

/** `model`, with the tokenizer of the vocabulary in `details` for those who ask `tokenizerOf`. */
export function withVocabulary<M extends Module>(model: M, details: Details | undefined): M {
  const vocabulary = vocabularyIn(details);
  if (vocabulary) tokenizers.set(model, new CharTokenizer(vocabulary));
  return model;
}

/** The tokenizer of a model that was built with a vocabulary. @throws an Error where it was not. */
export function tokenizerOf(model: Module): CharTokenizer {
  const tokenizer = tokenizers.get(model);
  if (tokenizer) return tokenizer;
  throw new Error(
    `These weights of ${model.title} come without a vocabulary, so no text can be read: the file's metadata should hold ` +
      'one as "vocabulary", a JSON list of characters.',
  );
}
