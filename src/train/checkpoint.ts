// A training run on disk: all of its state by name, in one safetensors file.

import type { TensorData } from '../core/dtype.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { writeSafetensors } from '../weights/safetensors-writer.ts';
import type { Best, EvaluationProgress, Metrics } from './evaluation.ts';
import type { SavedState, Values } from './run-state.ts';
import type { Settings } from './settings.ts';

type Named<T> = Readonly<Record<string, T>>;

/** Everything that the rest of a run depends on. */
export interface Checkpoint extends SavedState, EvaluationProgress {
  /** Steps done. */
  readonly step: number;
  /** What the run was started with: kept for whoever resumes; the trainer itself does not look at it. */
  readonly settings: Settings;
}

const FAMILY = 'five-tigers checkpoint ';
const FORMAT = `${FAMILY}2`;

/** Names that an entry of the state cannot have, as a checkpoint uses them itself. */
const RESERVED = ['optimizer', 'random', 'best', 'carried'];

/** Throws an Error for a name of a phase or of an entry of the state that would be unclear in a file. */
export function checkName(what: string, name: string): void {
  if (!/^[\w-]+$/.test(name) || RESERVED.includes(name)) {
    throw new Error(
      `Trainer: ${JSON.stringify(name)} cannot name ${what}: use letters, digits, - and _, and none of ${RESERVED.join(', ')}.`,
    );
  }
}

/**
 * The bytes of a checkpoint. Tensors are `ENTRY.…`, `optimizer.PHASE.…`, `random.…`, `carried.ENTRY.…` and `best.ENTRY.…`;
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

/** Reads what `encodeCheckpoint` wrote. @throws an Error for any other file, and for a checkpoint in another format. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes);
  if (!isCheckpoint(metadata)) {
    throw new Error('This file holds no training checkpoint. Plain weights can be loaded, but not resumed from.');
  }
  if (metadata.format !== FORMAT) {
    throw new Error(
      `This checkpoint is in the format "${metadata.format}", and this version reads "${FORMAT}". ` +
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
