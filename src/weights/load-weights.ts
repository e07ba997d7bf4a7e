// Weights into a model in one line, wherever they are.

import type { Module } from '../nn/module.ts';
import { fillModel, type FillOptions, type FillReport } from './load.ts';
import type { WeightSource } from './weight-source.ts';
import { browserCache } from './cache-browser.ts';
import { openWeightsOn, readBytesOn, type OpenOptions, type Platform, type WeightInput } from './open-weights.ts';

/** How weights are found, and how their names become the model's. */
export type LoadOptions = FillOptions & OpenOptions;

/** What a load did, also on the way. */
export interface LoadReport extends FillReport {
  /** What went wrong without ending the load, such as a cache that is full. */
  readonly notices: readonly string[];
  /** The newer version that the server has, where a kept one was used; `update: true` fetches it. */
  readonly newer: string | null;
}

/** `loadWeights` of a platform. */
export async function loadWeightsOn(
  platform: Platform,
  model: Module,
  input: WeightInput,
  options: LoadOptions = {},
): Promise<LoadReport> {
  const notices: string[] = [];
  let newer: string | null = null;
  const onNotice = (text: string) => {
    notices.push(text);
    options.onNotice?.(text);
  };
  const onNewer = (version: string) => {
    newer = version;
    options.onNewer?.(version);
  };
  const source = await openWeightsOn(platform, input, { ...options, onNotice, onNewer });
  try {
    return { ...(await fillModel(model, source, options)), notices, newer };
  } finally {
    // A source that was given is its owner's.
    if (source !== input) await source.close();
  }
}

/** A platform without paths. */
const browser: Platform = { cache: browserCache };

/**
 * Loads weights into a model: all, or none if anything is wrong. See `WeightInput` for where they may be; the kind of file
 * (safetensors, PyTorch's, numpy's) is read off its first bytes. Floats become the model's dtype, prefixes that all names
 * share are found, and buffers that files of old versions carry or lack are passed over; the report names all of it.
 *
 *     const report = await loadWeights(new LeNet5(), 'weights.safetensors');
 *
 * @throws a WeightsError that groups what does not fit by its cause and names a likely remedy; an Error for files that cannot
 *   be read or found. The model is then as it was.
 */
export const loadWeights = (model: Module, input: WeightInput, options?: LoadOptions): Promise<LoadReport> =>
  loadWeightsOn(browser, model, input, options);

/** Opens weights without a model: names, shapes and metadata, and tensors read one by one. Close the source afterwards. */
export const openWeights = (input: WeightInput, options?: OpenOptions): Promise<WeightSource> =>
  openWeightsOn(browser, input, options);

/** The bytes of a file that goes with weights, such as `org/name/tokenizer.json` or a URL: kept, and there offline. */
export const readBytes = (input: string | URL, options?: OpenOptions): Promise<Uint8Array> =>
  readBytesOn(browser, input, options);
