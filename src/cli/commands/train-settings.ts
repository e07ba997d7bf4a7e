// What a training run depends on: a model's recipe with the user's options, kept in checkpoints, compared on resuming.

import { createHash } from 'node:crypto';
import { Option, type Command } from 'commander';
import type { ModelEntry, RunSettings } from '../../../models/index.ts';
import { optimizers, schedules, withChoices, type DataFiles, type Settings } from '../../node.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { integer, kebab, notNegative, positive } from '../ui/options.ts';

/** Everything that decides the losses of a run, under the names of recipes. */
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

/** Settings that recipes share, with the options that change them. */
const common: Readonly<Record<string, SettingOption>> = {
  epochs: { flags: '--epochs <x>', description: 'passes over the training data', parse: positive },
  batchSize: { flags: '--batch <n>', description: 'examples a step', parse: integer(1) },
  accumulate: { flags: '--accumulate <n>', description: 'batches whose mean gradient makes a step', parse: integer(1) },
  learningRate: { flags: '--lr <x>', description: 'highest learning rate', parse: positive },
  optimizer: { flags: '--optimizer <name>', description: 'update rule', choices: Object.keys(optimizers) },
  schedule: { flags: '--schedule <name>', description: 'course of the learning rate', choices: Object.keys(schedules) },
  warmup: { flags: '--warmup <n>', description: 'steps of rising learning rate', parse: integer(0) },
  weightDecay: { flags: '--weight-decay <x>', description: 'decay of the weights', parse: notNegative },
  maxGradNorm: { flags: '--max-grad-norm <x>', description: 'largest norm of all gradients', parse: positive },
  averageDecay: { flags: '--average-decay <x>', description: 'share of the mean of the weights that is kept in a step', parse: notNegative },
  patience: { flags: '--patience <n>', description: 'measurements without better weights after which to stop', parse: integer(1) },
  seed: { flags: '--seed <n>', description: 'of weights, order and random changes of the data', parse: integer(0) },
}; // prettier-ignore

/** Settings that every run has, in whichever way its recipe says it. */
const always = ['epochs', 'batchSize', 'learningRate', 'optimizer', 'schedule', 'warmup', 'seed'];

/** Settings of a recipe that no option changes. */
const fixed = ['steps', 'betas', 'momentum', 'decayOf'];

/** The option of a setting that only this model has. */
function ownOption(name: string, value: unknown, description: string): SettingOption {
  if (typeof value === 'number') return { flags: `--${kebab(name)} <n>`, description, parse: notNegative };
  if (typeof value === 'string') return { flags: `--${kebab(name)} <text>`, description };
  // What a recipe switches on can be switched off.
  return { flags: `--no-${kebab(name)}`, description: `without ${description}` };
}

/** The options of all settings of a model, by setting, with their defaults in words. */
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

/** What a setting is unless given, in words. */
function presetOf(name: string, value: unknown, steps: number | undefined): string {
  if (typeof value === 'object') return '';
  if (value !== undefined) return ` (default: ${String(value)})`;
  if (name === 'epochs') return ` (default: ${steps} steps)`;
  if (name === 'patience') return ' (default: none)';
  return name === 'seed' ? ' (default: 1)' : name === 'warmup' ? ' (default: a twentieth of all, 500 at most)' : '';
}

/** Adds the options of a model's recipe to its command. */
export function addSettings(command: Command, entry: ModelEntry): void {
  for (const option of settingOptions(entry).values()) command.addOption(option);
}

/** What the user has chosen, by setting and with the option's name. A setting that is switched off is null. */
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

/** The settings of a new run. `given`: the options of the command line. */
export function newSettings(entry: ModelEntry, given: Readonly<Record<string, unknown>>): CliSettings {
  const { config = entry.config, ...choices } = Object.fromEntries(
    [...chosenSettings(entry, given)].map(([name, { value }]) => [name, value]),
  ) as Partial<CliSettings>;
  return { seed: 1, ...withChoices(entry.train!.recipe, choices), model: entry.name, config, data: '' } as CliSettings;
}

/**
 * The settings in a checkpoint, for going on with it.
 * @throws a CommandError that names every option which the user gave and the run was started without.
 */
export function resumedSettings(
  entry: ModelEntry,
  file: string,
  stored: Settings,
  given: Readonly<Record<string, unknown>>,
): CliSettings {
  if (!stored.model) throw new CommandError(`${file} was not written by this command: it does not hold its settings.`);
  const conflicts: string[] = [];
  if (stored.model !== entry.name) conflicts.push(`the model ${entry.name} (there ${String(stored.model)})`);
  for (const [name, { option, value }] of chosenSettings(entry, given)) {
    const there = stored[name];
    if (value === null && there !== null) conflicts.push(`${option} (there with)`);
    else if (value !== there) conflicts.push(`${option} ${String(value)} (there ${String(there)})`);
  }
  expectNone(conflicts, file);
  return stored as CliSettings;
}

/** @throws a CommandError where the data of a run is not that of its checkpoint. */
export function expectSameData(file: string, stored: string, found: string): void {
  expectNone(stored === found ? [] : ['--data (other training data)'], file);
}

function expectNone(conflicts: readonly string[], file: string): void {
  if (conflicts.length === 0) return;
  throw new CommandError(
    `The run in ${file} was started with other settings: ${conflicts.join(', ')}. ` +
      'Leave these out to resume it, or start a new run without --resume.',
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
        .update(files.names.flatMap((name) => read.get(name) ?? []).join())
        .digest('hex')
        .slice(0, 16),
  };
}
