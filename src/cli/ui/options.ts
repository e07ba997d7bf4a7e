// Options that several commands share, and how numbers are parsed.

import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ModelEntry, OwnOption } from '../../../models/index.ts';
import { deviceKinds } from './device.ts';

/** Parses an integer of at least `least` that fits into 32 bits. */
export const integer = (least: number) => (text: string) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value < 2 ** 32) return value;
  throw new InvalidArgumentError(`Must be an integer of at least ${least}.`);
};

/** Parses a number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && value < Infinity) return value;
  throw new InvalidArgumentError('Must be a number above 0.');
}

/** Parses a finite number of at least 0. */
export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < Infinity) return value;
  throw new InvalidArgumentError('Must be a number of at least 0.');
}

/** `--device`. */
export const addDevice = (command: Command): Command =>
  command.addOption(new Option('--device <kind>', 'device to compute on').choices(deviceKinds).default('auto'));

/** `--device` and `--json`. */
export const addCommon = (command: Command): Command => addDevice(command).option('--json', 'print results as JSON');

/** `--profile`. */
export const addProfile = (command: Command): Command =>
  command.option('--profile [file]', 'print the time of each kernel; with a file name, also write a Chrome trace');

/** `--tuning`. */
export const addTuning = (command: Command): Command =>
  command.option('--tuning <file>', 'choose kernel variants by this table, written by tune');

/** `--config`, if there is a choice; `ofWeights`: the default is the config named by the loaded weights. */
export function addConfig(command: Command, { configs, config }: ModelEntry, ofWeights = false): Command {
  if (configs.length === 1) return command;
  const preset = ofWeights ? `as the weights say, else ${config}` : config;
  return command.addOption(
    new Option('--config <name>', `configuration of the model (default: ${preset})`).choices(configs),
  );
}

/** `--weights` and `--config`. */
export function addWeights(command: Command, entry: ModelEntry): Command {
  const shipped = Object.keys(entry.weights).length > 0 ? 'default: the shipped ones' : 'none are shipped yet';
  const text = `weights: a file, a URL, a Hugging Face id, or a training checkpoint (${shipped})`;
  return addConfig(command.option('--weights <source>', text), entry, true);
}

/** `topK` as `top-k`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

type OwnOptions = Readonly<Record<string, OwnOption>>;

/** Adds the options that only some models have. */
export function addOwn(command: Command, options: OwnOptions = {}): Command {
  const values = { number: ' <x>', integer: ' <n>', text: ' <text>', flag: '' };
  const parsers = { number: notNegative, integer: integer(1), text: undefined, flag: undefined };
  for (const [name, { description, type, preset }] of Object.entries(options)) {
    const option = new Option(
      `--${kebab(name)}${values[type]}`,
      preset ? `${description} (default: ${preset})` : description,
    );
    const parse = parsers[type];
    command.addOption(parse ? option.argParser(parse) : option);
  }
  return command;
}

/** The values of a model's own options among all given options. */
export const ownValues = (options: OwnOptions = {}, given: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(options, name)));
