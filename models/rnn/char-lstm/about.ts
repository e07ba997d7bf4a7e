// What is known about the recurrent character language model before its code is loaded.

import type { ModelAbout } from '../../entry.ts';

/** See README.md beside this file. */
export const charLstm = {
  name: 'char-lstm',
  title: 'a recurrent character language model (Karpathy, 2015)',
  family: 'rnn',
  config: 'lstm',
  configs: ['rnn', 'gru', 'lstm', 'tiny'],
  parameters: 946_625,
  weightsBytes: 1_902_964,
  capabilities: ['train', 'eval', 'run', 'generate', 'export', 'inspect', 'diverge', 'bench'],
  metrics: { nats_per_character: 1.4947 },
} as const satisfies ModelAbout;
