// Checkpoints: a run's complete state by name, in one safetensors file.

import type { TensorData } from '../core/dtype.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { writeSafetensors } from '../weights/safetensors-writer.ts';
import type { Best, EvaluationProgress, Metrics } from './evaluation.ts';
import type { SavedState, Values } from './run-state.ts';
import type { Settings } from './settings.ts';

type Named<T> = Readonly<Record<string, T>>;

/** Everything the rest of a run depends on. */
export interface Checkpoint extends SavedState, EvaluationProgress {
  /** Steps done. */
  readonly step: number;
  /** The run's settings, for the code that resumes it; the trainer does not use them. */
  readonly settings: Settings;
}

const FAMILY = 'five-tigers checkpoint ';
const FORMAT = `${FAMILY}2`;

/** Names reserved for the checkpoint's own tensors. */
const RESERVED = ['optimizer', 'random', 'best', 'carried'];

/** @throws an Error for a phase or state entry name that would be ambiguous in a file. */
export function checkName(what: string, name: string): void {
  if (!/^[\w-]+$/.test(name) || RESERVED.includes(name)) {
    throw new Error(
      `Trainer: ${JSON.stringify(name)} cannot name ${what}: use letters, digits, - and _, but none of the reserved names ${RESERVED.join(', ')}.`,
    );
  }
}

/**
 * Encodes a checkpoint. Tensors are named `ENTRY.…`, `optimizer.PHASE.…`, `random.…`, `carried.ENTRY.…` and `best.ENTRY.…`;
 * the rest is in the metadata.
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const { step, state, optimizers, random, carried, best, sinceBest, settings } = checkpoint;
  const tensors = new Map<string, TensorData>();
  const add = (prefix: string, values: Values) => {
    for (const [name, value] of values) tensors.set(`${prefix}.${name}`, value);
  };
  for (const [name, values] of Object.entries(state)) add(name, values);
  for (const [name, { values }] of Object.entries(optimizers)) add(`optimizer.${name}`, values);
  for (const [name, values] of Object.entries(best?.state ?? {})) add(`best.${name}`, values);
  for (const [name, values] of Object.entries(carried)) add(`carried.${name}`, values);
  add('random', random);
  const phases = Object.entries(optimizers).map(([name, { kind, hyperparameters }]) => [name, kind, hyperparameters]);
  return writeSafetensors(tensors, {
    format: FORMAT,
    step: String(step),
    state: JSON.stringify(Object.keys(state)),
    phases: JSON.stringify(phases),
    best: JSON.stringify(best && { step: best.step, metrics: best.metrics }),
    sinceBest: String(sinceBest),
    settings: JSON.stringify(settings),
  });
}

/** Whether a safetensors file with this metadata is a checkpoint rather than plain weights. */
export const isCheckpoint = (metadata: Named<string>): boolean => metadata.format?.startsWith(FAMILY) ?? false;

/** Decodes a checkpoint. @throws an Error for any other file, or another version of the format. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes);
  if (!isCheckpoint(metadata)) {
    throw new Error('This file is not a training checkpoint. Plain weights can be loaded, but not resumed from.');
  }
  if (metadata.format !== FORMAT) {
    throw new Error(
      `This checkpoint has the format "${metadata.format}", but this version reads "${FORMAT}". ` +
        'Resume it with the version that wrote it.',
    );
  }
  const part = (prefix: string): Values =>
    new Map(
      [...tensors].flatMap(([name, values]) =>
        name.startsWith(`${prefix}.`) ? [[name.slice(prefix.length + 1), values]] : [],
      ),
    );
  const names = JSON.parse(metadata.state) as string[];
  const parts = (prefix: string) => Object.fromEntries(names.map((name) => [name, part(prefix + name)]));
  const phases = JSON.parse(metadata.phases) as [string, string, Named<number>][];
  const best = JSON.parse(metadata.best) as { step: number; metrics: Metrics } | null;
  return {
    step: Number(metadata.step),
    state: parts(''),
    optimizers: Object.fromEntries(
      phases.map(([name, kind, hyperparameters]) => [
        name,
        { kind, hyperparameters, values: part(`optimizer.${name}`) },
      ]),
    ),
    random: part('random'),
    carried: parts('carried.'),
    best: best && ({ ...best, state: parts('best.') } satisfies Best),
    sinceBest: Number(metadata.sinceBest),
    settings: JSON.parse(metadata.settings) as Settings,
  };
}
