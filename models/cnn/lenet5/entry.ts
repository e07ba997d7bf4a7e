// LeNet-5 in the registry.

import type { ModelEntry } from '../../model-entry.ts';
import { LeNet5, lenet5Configs } from './model.ts';
import { lenet5Recipe, lenet5Task } from './train.ts';

/** See README.md beside this file. */
export const lenet5: ModelEntry = {
  title: 'LeNet-5 (LeCun et al., 1998)',
  config: 'modern',
  configs: {
    classic: () => new LeNet5(lenet5Configs.classic),
    modern: () => new LeNet5(lenet5Configs.modern),
  },
  task: lenet5Task,
  recipe: lenet5Recipe,
  weights: new URL('./weights.safetensors', import.meta.url),
};
