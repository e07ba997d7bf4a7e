// The registry: every model under the name that the command line and the pages use, loaded when it is asked for.

import { lenet5 } from './cnn/lenet5/about.ts';
import { dcganMnist } from './gan/dcgan-mnist/about.ts';
import type { ModelAbout, ModelEntry } from './entry.ts';

export * from './entry.ts';
export { modelBenchCases } from './bench-cases.ts';

/** A model that can be loaded: its code only, no weights. */
export interface ModelRecord<E extends ModelEntry = ModelEntry> extends ModelAbout {
  load(): Promise<E>;
}

/** All models by name. Nothing of a model is loaded but these facts. */
export const models = {
  lenet5: { ...lenet5, load: async () => (await import('./cnn/lenet5/entry.ts')).lenet5Entry },
  'dcgan-mnist': { ...dcganMnist, load: async () => (await import('./gan/dcgan-mnist/entry.ts')).dcganMnistEntry },
} satisfies Readonly<Record<string, ModelRecord>>;
