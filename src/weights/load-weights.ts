// Loads weights into a model in one call, wherever they are.

import type { Module } from '../nn/module.ts';
import { fillModel, type FillOptions, type FillReport } from './load.ts';
import type { WeightSource } from './weight-source.ts';
import { browserCache } from './cache-browser.ts';
import { openWeightsOn, readBytesOn, type OpenOptions, type Platform, type WeightInput } from './open-weights.ts';

/** How weights are opened, and how their names map to the model's. */
export type LoadOptions = FillOptions & OpenOptions;

/** What a load did, including its downloads. */
export interface LoadReport extends FillReport {
  /** Problems that did not stop the load, such as a full cache. */
  readonly notices: readonly string[];
  /** The newer version on the server if a cached one was used, else null; `update: true` fetches it. */
  readonly newer: string | null;
}

/** `loadWeights` for a platform. */
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
    // The caller owns a source that it passed in.
    if (source !== input) await source.close();
  }
}

/** A platform without file paths. */
const browser: Platform = { cache: browserCache };

/**
 * Loads weights into a model: all of them, or none if anything is wrong. See `WeightInput` for where they may be; the format
 * (safetensors, PyTorch, numpy) is detected from the first bytes. Floats are converted to the model's dtype, common
 * prefixes are detected, and buffers that old versions save or lack are skipped; the report lists all of this.
 *
 *     const report = await loadWeights(new LeNet5(), 'weights.safetensors');
 *
 * @throws a WeightsError that groups mismatches by cause and suggests a fix; an Error for files that cannot be found or read.
 *   The model is then unchanged.
 */
export const loadWeights = (model: Module, input: WeightInput, options?: LoadOptions): Promise<LoadReport> =>
  loadWeightsOn(browser, model, input, options);

/** Opens weights without a model: names, shapes and metadata at once, tensors on request. Close the source afterwards. */
export const openWeights = (input: WeightInput, options?: OpenOptions): Promise<WeightSource> =>
  openWeightsOn(browser, input, options);

/** The bytes of a file that accompanies weights, such as `org/name/tokenizer.json` or a URL; cached for offline use. */
export const readBytes = (input: string | URL, options?: OpenOptions): Promise<Uint8Array> =>
  readBytesOn(browser, input, options);
