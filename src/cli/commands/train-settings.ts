// What a training run depends on: a model's recipe with the user's options; kept in checkpoints and compared on resuming.

import { createHash } from 'node:crypto';
import { Option, type Command } from 'commander';
import type { ModelEntry, RunSettings } from '../../../models/index.ts';
import { optimizers, schedules, withChoices, type DataFiles, type Settings } from '../../node.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { integer, kebab, notNegative, positive } from '../ui/options.ts';

/** Everything that the losses of a run depend on, named as in recipes. */
export type CliSettings = RunSettings & {
  readonly model: string;
  readonly config: string;
  /** Digest of the training data. */
  readonly data: string;
};

interface SettingOption {
  readonly flags: string;
  readonly description: string;
  readonly parse?: (text: string) => number;
  readonly choices?: readonly string[];
}

/** Settings that all recipes share, with their options. */
const common: Readonly<Record<string, SettingOption>> = {
  epochs: { flags: '--epochs <x>', description: 'passes over the training data', parse: positive },
  batchSize: { flags: '--batch <n>', description: 'batch size', parse: integer(1) },
  accumulate: { flags: '--accumulate <n>', description: 'batches whose gradients are averaged for a step', parse: integer(1) },
  learningRate: { flags: '--lr <x>', description: 'peak learning rate', parse: positive },
  optimizer: { flags: '--optimizer <name>', description: 'optimizer', choices: Object.keys(optimizers) },
  schedule: { flags: '--schedule <name>', description: 'learning rate schedule', choices: Object.keys(schedules) },
  warmup: { flags: '--warmup <n>', description: 'warm-up steps', parse: integer(0) },
  weightDecay: { flags: '--weight-decay <x>', description: 'weight decay', parse: notNegative },
  maxGradNorm: { flags: '--max-grad-norm <x>', description: 'clip gradients to this total norm', parse: positive },
  averageDecay: { flags: '--average-decay <x>', description: "decay of the weights' running average", parse: notNegative },
  patience: { flags: '--patience <n>', description: 'stop after this many evaluations without better weights', parse: integer(1) },
  seed: { flags: '--seed <n>', description: 'seed of initial weights, data order and augmentation', parse: integer(0) },
}; // prettier-ignore

/** Settings that every run has, whether or not its recipe names them. */
const always = ['epochs', 'batchSize', 'learningRate', 'optimizer', 'schedule', 'warmup', 'seed'];

/** Settings of a recipe that have no option. */
const fixed = ['steps', 'betas', 'momentum', 'decayOf'];

/** The option of a setting that only this model has. */
function ownOption(name: string, value: unknown, description: string): SettingOption {
  if (typeof value === 'number') return { flags: `--${kebab(name)} <n>`, description, parse: notNegative };
  if (typeof value === 'string') return { flags: `--${kebab(name)} <text>`, description };
  // A feature that a recipe turns on can be turned off.
  return { flags: `--no-${kebab(name)}`, description: `without ${description}` };
}

/** The options of a model's settings, by setting; their descriptions name the defaults. */
function settingOptions({ train }: ModelEntry): Map<string, Option> {
  const { recipe, settings = {}, keepBest } = train!;
  const options = new Map<string, Option>();
  for (const name of new Set([...always, ...(keepBest ? ['patience'] : []), ...Object.keys(recipe)])) {
    if (fixed.includes(name)) continue;
    const value = recipe[name];
    const { flags, description, parse, choices } = common[name] ?? ownOption(name, value, settings[name] ?? name);
    const option = new Option(flags, description + presetOf(name, value, recipe.steps));
    if (parse) option.argParser(parse);
    if (choices) option.choices(choices);
    options.set(name, option);
  }
  return options;
}

/** The default of a setting, for its description. */
function presetOf(name: string, value: unknown, steps: number | undefined): string {
  if (typeof value === 'object') return '';
  if (value !== undefined) return ` (default: ${String(value)})`;
  if (name === 'epochs') return ` (default: ${steps} steps)`;
  if (name === 'patience') return ' (default: none)';
  return name === 'seed' ? ' (default: 1)' : name === 'warmup' ? ' (default: 5 % of all steps, at most 500)' : '';
}

/** Adds the options of a model's recipe to the command. */
export function addSettings(command: Command, entry: ModelEntry): void {
  for (const option of settingOptions(entry).values()) command.addOption(option);
}

/** What the user chose, by setting, with the option's name. A setting that is turned off is null. */
function chosenSettings(entry: ModelEntry, given: Readonly<Record<string, unknown>>) {
  const chosen = new Map<string, { readonly option: string; readonly value: unknown }>();
  if (given.config !== undefined) chosen.set('config', { option: '--config', value: given.config });
  for (const [name, option] of settingOptions(entry)) {
    const value = given[option.attributeName()];
    if (option.negate ? value === false : value !== undefined) {
      chosen.set(name, { option: option.long!, value: option.negate ? null : value });
    }
  }
  return chosen;
}

/** The settings of a new run. `given`: the options on the command line. */
export function newSettings(entry: ModelEntry, given: Readonly<Record<string, unknown>>): CliSettings {
  const { config = entry.config, ...choices } = Object.fromEntries(
    [...chosenSettings(entry, given)].map(([name, { value }]) => [name, value]),
  ) as Partial<CliSettings>;
  return { seed: 1, ...withChoices(entry.train!.recipe, choices), model: entry.name, config, data: '' } as CliSettings;
}

/**
 * The settings in a checkpoint, to resume with.
 * @throws a CommandError that names every given option that differs from the checkpoint.
 */
export function resumedSettings(
  entry: ModelEntry,
  file: string,
  stored: Settings,
  given: Readonly<Record<string, unknown>>,
): CliSettings {
  if (!stored.model) throw new CommandError(`${file} was not written by five-tigers train: it has no settings.`);
  const conflicts: string[] = [];
  if (stored.model !== entry.name) conflicts.push(`model ${entry.name} (checkpoint: ${String(stored.model)})`);
  for (const [name, { option, value }] of chosenSettings(entry, given)) {
    const there = stored[name];
    if (value === null && there !== null) conflicts.push(`${option} (checkpoint: not set)`);
    else if (value !== there) conflicts.push(`${option} ${String(value)} (checkpoint: ${String(there)})`);
  }
  expectNone(conflicts, file);
  return stored as CliSettings;
}

/** @throws a CommandError if the data is not that of the checkpoint. */
export function expectSameData(file: string, stored: string, found: string): void {
  expectNone(stored === found ? [] : ['--data (different training data)'], file);
}

function expectNone(conflicts: readonly string[], file: string): void {
  if (conflicts.length === 0) return;
  throw new CommandError(
    `The run in ${file} was started with different settings: ${conflicts.join(', ')}. ` +
      'Omit these options to resume it, or start a new run without --resume.',
    USAGE,
  );
}

/** `files` with a digest of all that was read of them. */
export function digested(files: DataFiles): { readonly files: DataFiles; digest(): string } {
  const read = new Map<string, string>();
  return {
    files: {
      ...files,
      async bytes(name) {
        const bytes = await files.bytes(name);
        read.set(name, createHash('sha256').update(bytes).digest('hex'));
        return bytes;
      },
    },
    // Not of the names: a folder may have moved. In their order: files are read side by side, and end in any order.
    digest: () =>
      createHash('sha256')
        .update([...new Set(files.names)].flatMap((name) => read.get(name) ?? []).join())
        .digest('hex')
        .slice(0, 16),
  };
}
