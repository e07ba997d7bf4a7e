// The graphs of a model that commands work on: its forward pass, or a step of one of its training phases.

import { Option, type Command } from 'commander';
import type { GraphExample, ModelEntry } from '../../../models/index.ts';
import { manualSeed, type Module } from '../../node.ts';
import { CommandError, USAGE } from './command-error.ts';

/** Which graph is meant. */
export interface GraphOptions {
  /** A phase, or true for the first one. */
  readonly train?: string | true;
  readonly batch: number;
  readonly seed: number;
}

/** Adds `--train`, which takes a phase if there are several. */
export function addTrain(command: Command, { train }: ModelEntry): Command {
  if (!train) return command;
  const [first, ...others] = train.phases;
  if (others.length === 0) return command.option('--train', 'use a training step instead of the forward pass');
  const text = `use a training step of this phase instead of the forward pass (${train.phases.join(', ')}; default: ${first})`;
  return command.addOption(new Option('--train [phase]', text));
}

/** The graph of `model` that `options` select. */
export function chosenGraph(entry: ModelEntry, model: Module, options: GraphOptions): GraphExample {
  const { forward, steps } = entry.example!(model, options.batch, options.seed);
  if (!options.train) return forward;
  const phase = options.train === true ? entry.train!.phases[0] : options.train;
  if (Object.hasOwn(steps, phase)) return steps[phase]();
  throw new CommandError(
    `${entry.name} has no phase "${phase}". Its phases are: ${Object.keys(steps).join(', ')}.`,
    USAGE,
  );
}

/** A model with initial weights that are the same every time. */
export function seededModel(entry: ModelEntry, config: string): Module {
  manualSeed(1);
  return entry.build(config);
}

/** `forward`, or the training phase, in words. */
export const describeGraph = ({ train }: Pick<GraphOptions, 'train'>): string =>
  !train ? 'forward' : train === true ? 'a training step' : `a training step of the ${train}`;
