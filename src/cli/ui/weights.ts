// Makes a registered model and fills it with weights from a file.

import { fileURLToPath } from 'node:url';
import type { ModelEntry } from '../../../models/index.ts';
import { decodeCheckpoint, isCheckpoint, loadSafetensorsFile, readFileOrExplain, type Module } from '../../node.ts';
import { CommandError } from './command-error.ts';

/** A model with weights, and where these are from. */
export interface LoadedModel {
  readonly model: Module;
  readonly config: string;
  readonly file: string;
}

/** The shipped weights of `config`. @throws a CommandError that says how to make some, where there are none. */
function shippedWeights({ name, weights, train }: ModelEntry, config: string): string {
  if (Object.hasOwn(weights, config)) return fileURLToPath(weights[config]);
  const way = train ? `Train it with five-tigers train ${name} --config ${config}, and` : 'Get some, and';
  throw new CommandError(`No weights of ${name} (${config}) are shipped. ${way} name the file with --weights.`);
}

/**
 * Builds the model of `entry` and loads its weights from `file`, by default the shipped ones. A training checkpoint will
 * do as well. The config is `config`, else the one noted in the file, else that of the shipped weights.
 * @throws an Error that names the file; for weights of another model, with all names that do not fit.
 */
export async function loadModel(entry: ModelEntry, file?: string, config?: string): Promise<LoadedModel> {
  const path = file ?? shippedWeights(entry, config ?? entry.config);
  let { tensors, metadata } = await loadSafetensorsFile(path);
  if (isCheckpoint(metadata)) {
    const { state, settings } = decodeCheckpoint(await readFileOrExplain(path, 'the weights'));
    tensors = new Map(state.model);
    metadata = Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]));
  }
  const noted = entry.configs.includes(metadata.config) ? metadata.config : entry.config;
  const chosen = config ?? noted;
  const model = entry.build(chosen, metadata);
  try {
    model.loadStateDict(tensors);
  } catch (cause) {
    throw new Error(`${path}: ${(cause as Error).message}`, { cause });
  }
  return { model, config: chosen, file: path };
}
