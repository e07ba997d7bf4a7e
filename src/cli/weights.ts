// Makes a registered model and fills it with weights from a file.

import { fileURLToPath } from 'node:url';
import type { ModelEntry } from '../../models/index.ts';
import { decodeCheckpoint, isCheckpoint, loadSafetensorsFile, readFileOrExplain, type Layer } from '../node.ts';
import { CommandError, USAGE } from './command-error.ts';

/** A fresh model. @throws a CommandError that lists the configs when there is no such. */
export function buildModel({ title, configs }: ModelEntry, config: string): Layer {
  if (Object.hasOwn(configs, config)) return configs[config]();
  const names = Object.keys(configs).join(', ');
  throw new CommandError(`${title} has no config "${config}". Its configs are: ${names}.`, USAGE);
}

/** A model with weights, and where these are from. */
export interface LoadedModel {
  readonly model: Layer;
  readonly config: string;
  readonly file: string;
}

/**
 * Builds the model of `entry` and loads its weights from `file`, by default the shipped ones. A training checkpoint will
 * do as well. The config is `config`, else the one noted in the file, else that of the shipped weights.
 * @throws an Error that names the file; for weights of another model, with all names that do not fit.
 */
export async function loadModel(entry: ModelEntry, file?: string, config?: string): Promise<LoadedModel> {
  const path = file ?? fileURLToPath(entry.weights);
  let { tensors, metadata } = await loadSafetensorsFile(path);
  if (isCheckpoint(metadata)) {
    const { model, settings } = decodeCheckpoint(await readFileOrExplain(path, 'the weights'));
    tensors = new Map(model);
    metadata = { config: String(settings.config) };
  }
  const noted = Object.hasOwn(entry.configs, metadata.config ?? '') ? metadata.config : entry.config;
  const chosen = config ?? noted;
  const model = buildModel(entry, chosen);
  try {
    model.loadStateDict(tensors);
  } catch (cause) {
    throw new Error(`${path}: ${(cause as Error).message}`, { cause });
  }
  return { model, config: chosen, file: path };
}
