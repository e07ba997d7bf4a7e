// A training run on disk: weights, optimizer, random numbers and position, in one safetensors file.

import type { TensorData } from '../core/dtype.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';

/** What a run was started with, as its owner names it: options of a command, say. Plain JSON. */
export type Settings = Readonly<Record<string, unknown>>;

/** Everything that the rest of a run depends on. */
export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  readonly learningRate: number;
  /** Class of the optimizer whose state this is. */
  readonly optimizerKind: string;
  readonly model: ReadonlyMap<string, TensorData>;
  readonly optimizer: ReadonlyMap<string, TensorData>;
  /** The running mean of the model's weights; empty where none is kept. */
  readonly average: ReadonlyMap<string, TensorData>;
  readonly random: { readonly seed: TensorData; readonly run: TensorData };
  /** Kept for whoever resumes; the trainer itself does not look at them. */
  readonly settings: Settings;
}

const FORMAT = 'five-tigers checkpoint 1';

/** The bytes of a checkpoint. Tensors are `model.…`, `optimizer.…`, `average.…` and `random.…`; the rest is in the metadata. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { step, learningRate, optimizerKind, model, optimizer, average, random, settings } = checkpoint;
  const tensors = new Map<string, TensorData>();
  for (const [name, values] of model) tensors.set(`model.${name}`, values);
  for (const [name, values] of optimizer) tensors.set(`optimizer.${name}`, values);
  for (const [name, values] of average) tensors.set(`average.${name}`, values);
  tensors.set('random.seed', random.seed);
  tensors.set('random.run', random.run);
  return writeSafetensors(tensors, {
    format: FORMAT,
    step: String(step),
    learningRate: String(learningRate),
    optimizerKind,
    settings: JSON.stringify(settings),
  });
}

/** Whether a safetensors file with this metadata is a checkpoint rather than plain weights. */
export const isCheckpoint = (metadata: Readonly<Record<string, string>>): boolean => metadata.format === FORMAT;

/** Reads what `encodeCheckpoint` wrote; throws for any other file. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes);
  const [seed, run] = [tensors.get('random.seed'), tensors.get('random.run')];
  if (!isCheckpoint(metadata) || !seed || !run) {
    throw new Error('This file holds no training checkpoint. Plain weights can be loaded, but not resumed from.');
  }
  const part = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([name, values]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), values]] : [])),
    );
  return {
    step: Number(metadata.step),
    learningRate: Number(metadata.learningRate),
    optimizerKind: metadata.optimizerKind,
    model: part('model.'),
    optimizer: part('optimizer.'),
    average: part('average.'),
    random: { seed, run },
    settings: JSON.parse(metadata.settings),
  };
}
