// The registry: every model under the name that the command line and the demos use.

import { lenet5 } from './cnn/lenet5/entry.ts';
import type { ModelEntry } from './model-entry.ts';

export { LeNet5, lenet5Configs, type LeNet5Config, type LeNet5Maps } from './cnn/lenet5/model.ts';
export { lenet5Recipe, lenet5Task } from './cnn/lenet5/train.ts';
export { modelBenchCases } from './bench-cases.ts';
export { type ModelEntry, type Recipe } from './model-entry.ts';

/** All models by name. */
export const models: Readonly<Record<string, ModelEntry>> = { lenet5 };
