// The small character GPT in the registry.

import type { ModelEntry } from '../../entry.ts';
import { characterCapabilities } from '../../text/characters.ts';
import { vocabularyIn, withVocabulary } from '../../text/vocabulary.ts';
import { charGpt as about } from './about.ts';
import { GPT2, gpt2Configs, type GPT2Config } from './model.ts';
import { charGPTRecipe, charGPTTask } from './train.ts';

const configs: Readonly<Record<string, GPT2Config>> = {
  // OpenAI's own sizes are left out: their tokens are not characters.
  char: gpt2Configs.char,
  /** For trying things out. */
  tiny: { ...gpt2Configs.char, n_embd: 16, n_layer: 1, n_head: 2 },
};

/** See README.md beside this file. */
export const charGptEntry: ModelEntry<GPT2> = {
  ...about,
  build(config, details) {
    const { vocab_size } = configs[config];
    const size = vocabularyIn(details)?.length ?? vocab_size;
    return withVocabulary(new GPT2({ ...configs[config], vocab_size: size }), details);
  },
  weights: { char: new URL('./weights.safetensors', import.meta.url) },
  ...characterCapabilities<GPT2>({
    recipe: charGPTRecipe,
    task: charGPTTask,
    vocabularySize: ({ config }) => config.vocab_size,
  }),
};
