// What a training run depends on: taken from the options and the model's recipe, kept in checkpoints, compared on resuming.

import { createHash } from 'node:crypto';
import type { ModelEntry } from '../../models/index.ts';
import {
  Adam,
  AdamW,
  constantSchedule,
  cosineSchedule,
  SGD,
  type Augmentation,
  type ImageDataset,
  type Optimizer,
  type Parameter,
  type Schedule,
  type Settings,
} from '../node.ts';
import { CommandError, USAGE } from './command-error.ts';

type MakeOptimizer = (parameters: readonly Parameter[], learningRate: number) => Optimizer;

/** The choices of --optimizer. */
export const optimizers: Readonly<Record<string, MakeOptimizer>> = {
  adamw: (parameters, learningRate) => new AdamW(parameters, { learningRate }),
  adam: (parameters, learningRate) => new Adam(parameters, { learningRate }),
  sgd: (parameters, learningRate) => new SGD(parameters, { learningRate, momentum: 0.9 }),
};

/** --lr for sgd, unless told: its steps are not scaled as Adam's are. */
export const SGD_LEARNING_RATE = 0.02;

const LONGEST_WARMUP = 500;

/** The choices of --schedule: learning rates of a run of `steps`. */
export const schedules: Readonly<Record<string, (learningRate: number, steps: number) => Schedule>> = {
  cosine: (learningRate, steps) => cosineSchedule(learningRate, steps, Math.min(LONGEST_WARMUP, Math.ceil(steps / 20))),
  constant: constantSchedule,
};

/** Everything that decides the losses of a run. */
export interface RunSettings extends Settings {
  readonly model: string;
  readonly config: string;
  readonly epochs: number;
  readonly batch: number;
  readonly lr: number;
  readonly optimizer: string;
  readonly schedule: string;
  /** null for none. */
  readonly augment: Augmentation | null;
  readonly seed: number;
  /** Digest of the training images. */
  readonly data: string;
}

/** Options of the command line that are part of the settings; undefined where the user left them out. */
export type GivenSettings = Partial<
  Pick<RunSettings, 'config' | 'epochs' | 'batch' | 'lr' | 'optimizer' | 'schedule' | 'seed'>
> & {
  /** False for --no-augment. */
  readonly augment: boolean;
};

/** The settings of a new run. */
export function newSettings(model: string, entry: ModelEntry, given: GivenSettings, data: string): RunSettings {
  const { recipe } = entry;
  const optimizer = given.optimizer ?? 'adamw';
  return {
    model,
    config: given.config ?? entry.config,
    epochs: given.epochs ?? recipe.epochs,
    batch: given.batch ?? recipe.batchSize,
    lr: given.lr ?? (optimizer === 'sgd' ? SGD_LEARNING_RATE : recipe.learningRate),
    optimizer,
    schedule: given.schedule ?? 'cosine',
    augment: given.augment ? recipe.augment : null,
    seed: given.seed ?? 1,
    data,
  };
}

/**
 * The settings in a checkpoint, for going on with it.
 * @throws a CommandError that names every option which the user gave and the run was started without.
 */
export function resumedSettings(
  file: string,
  stored: Settings,
  model: string,
  given: GivenSettings,
  data: string,
): RunSettings {
  const settings = stored as RunSettings;
  if (!stored.model) throw new CommandError(`${file} was not written by this command: it does not tell its settings.`);
  const conflicts: string[] = [];
  if (settings.model !== model) conflicts.push(`the model ${model} (there ${settings.model})`);
  if (settings.data !== data) conflicts.push('--data (other training images)');
  if (!given.augment && settings.augment) conflicts.push('--no-augment (there with)');
  for (const name of ['config', 'epochs', 'batch', 'lr', 'optimizer', 'schedule', 'seed'] as const) {
    const wanted = given[name];
    if (wanted !== undefined && wanted !== settings[name])
      conflicts.push(`--${name} ${wanted} (there ${settings[name]})`);
  }
  if (conflicts.length === 0) return settings;
  throw new CommandError(
    `The run in ${file} was started otherwise: ${conflicts.join(', ')}. ` +
      'Leave these out to go on with it, or start a new run without --resume.',
    USAGE,
  );
}

/** A short digest of a data set. */
export function digest({ images, labels }: ImageDataset): string {
  return createHash('sha256').update(images).update(labels).digest('hex').slice(0, 16);
}
