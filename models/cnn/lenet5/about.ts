// What is known about LeNet-5 before its code is loaded.

import type { ModelAbout } from '../../entry.ts';

/** See README.md beside this file. */
export const lenet5 = {
  name: 'lenet5',
  title: 'LeNet-5 (LeCun et al., 1998)',
  family: 'cnn',
  config: 'modern',
  configs: ['classic', 'modern'],
  parameters: 61_706,
  weightsBytes: 247_600,
  capabilities: ['train', 'eval', 'run', 'export', 'inspect', 'diverge', 'bench'],
  metrics: { accuracy: 0.9936 },
} as const satisfies ModelAbout;
