// The recurrent character language model in the registry.

import type { ModelEntry } from '../../entry.ts';
import { characterCapabilities } from '../../text/characters.ts';
import { vocabularyIn, withVocabulary } from '../../text/vocabulary.ts';
import { charLstm as about } from './about.ts';
import { CharRNN, charRNNConfigs, type CharRNNConfig } from './model.ts';
import { charRNNRecipe, charRNNTask } from './train.ts';

const configs: Readonly<Record<string, CharRNNConfig>> = {
  ...charRNNConfigs,
  /** For trying things out. */
  tiny: { ...charRNNConfigs.lstm, embedding_size: 8, hidden_size: 16, num_layers: 1, dropout: 0 },
};

/** See README.md beside this file. */
export const charLstmEntry: ModelEntry<CharRNN> = {
  ...about,
  build(config, details) {
    const { vocab_size } = configs[config];
    const size = vocabularyIn(details)?.length ?? vocab_size;
    return withVocabulary(new CharRNN({ ...configs[config], vocab_size: size }), details);
  },
  weights: { lstm: new URL('./weights.safetensors', import.meta.url) },
  ...characterCapabilities<CharRNN>({
    recipe: charRNNRecipe,
    task: charRNNTask,
    vocabularySize: ({ config }) => config.vocab_size,
  }),
};
