// Builds a registered model and loads its weights from wherever they are.

import { fileURLToPath } from 'node:url';
import type { ModelEntry } from '../../../models/index.ts';
import { isCheckpoint, loadWeights, openWeights, type Module, type TensorData, type WeightSource } from '../../node.ts';
import { CommandError } from './command-error.ts';
import { showProgress, type Terminal } from './terminal.ts';

/** Where the weights are, and for which config. */
export interface WeightsOptions {
  readonly weights?: string;
  readonly config?: string;
}

/** A model with weights, and where they come from. */
export interface LoadedModel {
  readonly model: Module;
  readonly config: string;
  readonly file: string;
  /** The file's other metadata, such as the vocabulary. */
  readonly details: Readonly<Record<string, string>>;
}

/** The shipped weights of `config`. @throws a CommandError that says how to get some, if there are none. */
function shippedWeights({ name, weights, configs, train }: ModelEntry, config: string): string {
  if (Object.hasOwn(weights, config)) return fileURLToPath(weights[config]);
  const choice = configs.length > 1 ? ` --config ${config}` : '';
  const way = train ? `Train it (five-tigers train ${name}${choice} --data …) and pass` : 'Pass';
  throw new CommandError(`No weights are shipped for ${name} (${config}). ${way} the weights file with --weights.`);
}

/**
 * Builds the model of `entry` and loads its weights: the shipped ones by default, else from any source that `loadWeights`
 * takes, or the best weights of a training checkpoint. The config is `config`, else the one named in the file, else that of
 * the shipped weights.
 * @throws an Error that names the source and, for weights of another model, what does not fit.
 */
export async function loadModel(entry: ModelEntry, options: WeightsOptions, terminal: Terminal): Promise<LoadedModel> {
  const file = options.weights ?? shippedWeights(entry, options.config ?? entry.config);
  let progress: ReturnType<typeof showProgress> | undefined;
  const source = await openWeights(file, {
    onProgress({ name, loaded, total }) {
      progress ??= showProgress(terminal, `${name}, MB`, megabytes(total ?? 0));
      progress.update(megabytes(loaded));
    },
    onNotice: (text) => terminal.note(text),
  });
  progress?.stop();
  try {
    const metadata = notedIn(source);
    if (metadata.model !== undefined && metadata.model !== entry.name) {
      throw new CommandError(`${file} has weights of ${metadata.model}, which ${entry.name} cannot use.`);
    }
    const noted = entry.configs.includes(metadata.config) ? metadata.config : entry.config;
    const config = options.config ?? noted;
    const model = entry.build(config, metadata);
    const weights = isCheckpoint(source.metadata) ? await checkpointWeights(source) : source;
    await loadWeights(model, weights);
    return { model, config, file, details: metadata };
  } finally {
    await source.close();
  }
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

/** What a file says about its weights; for a checkpoint, the settings of the run. */
function notedIn({ metadata }: WeightSource): Readonly<Record<string, string>> {
  if (!isCheckpoint(metadata)) return metadata;
  const settings = JSON.parse(metadata.settings) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]));
}

/** The weights in a checkpoint: the best ones, if the run kept them, and running averages in place of what they average. */
async function checkpointWeights(source: WeightSource): Promise<ReadonlyMap<string, TensorData>> {
  const names = [...source.entries.keys()];
  const tensors = new Map<string, TensorData>();
  for (const part of ['model.', 'average.']) {
    const prefix = names.some((name) => name.startsWith(`best.${part}`)) ? `best.${part}` : part;
    for (const name of names.filter((one) => one.startsWith(prefix))) {
      tensors.set(name.slice(prefix.length), await source.read(name));
    }
  }
  return tensors;
}
