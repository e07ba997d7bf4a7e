// What is known of the recurrent language model of characters before its code is loaded.

import type { ModelAbout } from '../../entry.ts';

/** See README.md beside this file. */
export const charLstm = {
  name: 'char-lstm',
  title: 'a recurrent language model of characters (Karpathy, 2015)',
  family: 'rnn',
  config: 'lstm',
  configs: ['rnn', 'gru', 'lstm', 'tiny'],
  parameters: 946_625,
  weightsBytes: null,
  capabilities: ['train', 'eval', 'run', 'generate', 'export', 'inspect', 'diverge', 'bench'],
  metrics: {},
} as const satisfies ModelAbout;
