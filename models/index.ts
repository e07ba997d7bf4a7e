// The registry: every model under the name that the command line and the pages use, loaded on demand.

import { bertMiniZh } from './bert/bert-mini-zh/about.ts';
import { lenet5 } from './cnn/lenet5/about.ts';
import { dcganMnist } from './gan/dcgan-mnist/about.ts';
import { charLstm } from './rnn/char-lstm/about.ts';
import { charGpt } from './transformer/char-gpt/about.ts';
import type { ModelAbout, ModelEntry } from './entry.ts';

export * from './entry.ts';
export { modelBenchCases } from './bench-cases.ts';

/** A model that can be loaded: only its code, no weights. */
export interface ModelRecord<E extends ModelEntry = ModelEntry> extends ModelAbout {
  load(): Promise<E>;
}

/** All models by name, without loading any. */
export const models = {
  lenet5: { ...lenet5, load: async () => (await import('./cnn/lenet5/entry.ts')).lenet5Entry },
  'char-lstm': { ...charLstm, load: async () => (await import('./rnn/char-lstm/entry.ts')).charLstmEntry },
  'char-gpt': { ...charGpt, load: async () => (await import('./transformer/char-gpt/entry.ts')).charGptEntry },
  'bert-mini-zh': { ...bertMiniZh, load: async () => (await import('./bert/bert-mini-zh/entry.ts')).bertMiniZhEntry },
  'dcgan-mnist': { ...dcganMnist, load: async () => (await import('./gan/dcgan-mnist/entry.ts')).dcganMnistEntry },
} satisfies Readonly<Record<string, ModelRecord>>;
