// What is known about the DCGAN for digits before its code is loaded.

import type { ModelAbout } from '../../entry.ts';

/** See README.md beside this file. */
export const dcganMnist = {
  name: 'dcgan-mnist',
  title: 'DCGAN (Radford et al., 2016) for handwritten digits',
  family: 'gan',
  config: 'mnist',
  configs: ['mnist', 'tiny'],
  parameters: 536_384,
  weightsBytes: 1_080_844,
  capabilities: ['train', 'eval', 'generate', 'export', 'inspect', 'diverge', 'bench'],
  metrics: { frechet_distance: 119.3, smallest_class_share: 0.0708 },
} as const satisfies ModelAbout;
