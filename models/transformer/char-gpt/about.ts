// What is known about the small character GPT before its code is loaded.

import type { ModelAbout } from '../../entry.ts';

/** See README.md beside this file. */
export const charGpt = {
  name: 'char-gpt',
  title: 'a small character-level GPT-2 (Radford et al., 2019)',
  family: 'transformer',
  config: 'char',
  configs: ['char', 'tiny'],
  parameters: 818_048,
  weightsBytes: 1_654_944,
  capabilities: ['train', 'eval', 'run', 'generate', 'export', 'inspect', 'diverge', 'bench'],
  metrics: { nats_per_character: 1.5879 },
} as const satisfies ModelAbout;
