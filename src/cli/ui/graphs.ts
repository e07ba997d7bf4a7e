// The graphs of a model that a command works on: its forward pass, or a step of one of its phases of training.

import { Option, type Command } from 'commander';
import type { GraphExample, ModelEntry } from '../../../models/index.ts';
import { manualSeed, type Module } from '../../node.ts';
import { CommandError, USAGE } from './command-error.ts';

/** Which graph is meant. */
export interface GraphOptions {
  /** True for the first phase, else its name. */
  readonly train?: string | true;
  readonly batch: number;
  readonly seed: number;
}

/** `--train`, with a name where there are several phases. */
export function addTrain(command: Command, { train }: ModelEntry): Command {
  if (!train) return command;
  const [first, ...others] = train.phases;
  if (others.length === 0) return command.option('--train', 'a training step instead of the forward pass');
  const text = `a training step of this phase instead of the forward pass (${train.phases.join(', ')}; default: ${first})`;
  return command.addOption(new Option('--train [phase]', text));
}

/** The graph that `options` ask for, of a model with fresh weights or of `model`. */
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

/** A model whose weights are the same each time. */
export function seededModel(entry: ModelEntry, config: string): Module {
  manualSeed(1);
  return entry.build(config);
}

/** `forward`, or the phase of training, in words. */
export const describeGraph = ({ train }: Pick<GraphOptions, 'train'>): string =>
  !train ? 'forward' : train === true ? 'a training step' : `a training step of the ${train}`;
