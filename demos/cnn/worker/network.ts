// A LeNet-5 with its name: made anew, shipped with the page, or from the user's file.

import {
  decodeCheckpoint,
  isCheckpoint,
  loadWeights,
  manualSeed,
  openWeights,
  optimizers,
  saveWeights,
  type OptimizerName,
  type WeightInput,
} from '../../../src/index.ts';
import { lenet5Entry } from '../../../models/cnn/lenet5/entry.ts';
import { LeNet5, lenet5Configs } from '../../../models/cnn/lenet5/model.ts';
import type { Config, RunSettings } from '../protocol.ts';

/** A model, and what to call it. */
export interface Network {
  readonly model: LeNet5;
  readonly config: Config;
  /** The file that its weights came from. */
  readonly file: string | null;
}

/** A network with random weights. */
export function freshNetwork(config: Config, seed: number): Network {
  manualSeed(seed);
  return { model: new LeNet5(lenet5Configs[config]), config, file: null };
}

async function filledNetwork(weights: WeightInput, noted: unknown, file: string): Promise<Network> {
  const source = await openWeights(weights);
  // Files of others do not say the config, but only the classic one has gains for its averages.
  const guessed = [...source.entries.keys()].some((name) => name.endsWith('s2.weight')) ? 'classic' : 'modern';
  const config = noted === 'classic' || noted === 'modern' ? noted : guessed;
  const network = { ...freshNetwork(config, 0), file };
  await loadWeights(network.model.keepOnHost(), source);
  return network;
}

/** The weights that come with this page; null where they are missing. */
export async function shippedNetwork(): Promise<Network | null> {
  const response = await fetch(lenet5Entry.weights[lenet5Entry.config]).catch(() => null);
  // Some servers answer with a page of theirs instead of "not found".
  if (!response?.ok || response.headers.get('content-type')?.includes('text/html')) return null;
  const source = await openWeights(new File([await response.blob()], 'weights.safetensors'));
  return filledNetwork(source, source.metadata.config ?? lenet5Entry.config, source.name);
}

/** What a user's file holds: a network, and the run to go on with if the file is a checkpoint. */
export interface Loaded {
  readonly network: Network;
  readonly resumed: {
    readonly bytes: Uint8Array;
    readonly settings: Partial<RunSettings>;
    readonly data: unknown;
  } | null;
}

const nameOf = (kind: string) =>
  (Object.keys(optimizers) as OptimizerName[]).find((name) => optimizers[name].kind === kind);

/** Reads weights or a checkpoint. @throws an Error that says what is wrong with the file, and the names that do not fit. */
export async function loadNetwork(file: File): Promise<Loaded> {
  const source = await openWeights(file);
  const { metadata } = source;
  if (!isCheckpoint(metadata))
    return { network: await filledNetwork(source, metadata.config, file.name), resumed: null };
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { state, settings, optimizers: used } = decodeCheckpoint(bytes);
  const [{ kind, hyperparameters }] = Object.values(used);
  const { batchSize, seed } = settings as { batchSize?: number; seed?: number };
  const network = await filledNetwork(state.model, settings.config, file.name);
  const { config } = network;
  const { learningRate } = hyperparameters;
  const resumed = { config, learningRate, optimizer: nameOf(kind), batchSize, seed };
  return { network, resumed: { bytes, settings: withoutGaps(resumed), data: settings.data } };
}

/** What is known of `settings`. */
export const withoutGaps = <T extends object>(settings: T): Partial<T> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<T>;

/** A weights file. */
export const saveNetwork = ({ model, config }: Network, steps: number): Promise<Blob> =>
  saveWeights(model, { metadata: { model: 'lenet5', config, steps: String(steps) } });
