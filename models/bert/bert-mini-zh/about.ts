// What is known about the small Chinese BERT before its code is loaded.

import type { ModelAbout } from '../../entry.ts';

/** See README.md beside this file. */
export const bertMiniZh = {
  name: 'bert-mini-zh',
  title: 'a small BERT (Devlin et al., 2019) for Chinese characters',
  family: 'bert',
  config: 'mini-zh',
  configs: ['mini-zh', 'tiny'],
  parameters: 1_260_065,
  weightsBytes: 2_596_532,
  capabilities: ['train', 'eval', 'run', 'export', 'inspect', 'diverge', 'bench'],
  metrics: { masked_accuracy: 0.3059, next_sentence_accuracy: 0.8371 },
} as const satisfies ModelAbout;
