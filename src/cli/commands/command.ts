// What a command is: its description, its options, and what it does.

import type { Command } from 'commander';
import type { Capability, ModelEntry } from '../../../models/index.ts';
import type { Terminal } from '../ui/terminal.ts';

/** A command that does not take a model. */
export interface PlainCommand<Options> {
  readonly name: string;
  readonly description: string;
  /** Adds the options. */
  define(command: Command): void;
  run(options: Options, terminal: Terminal): Promise<void>;
}

/** A command that takes a model: any that has the capability of the same name. */
export interface ModelCommand<Options> {
  readonly name: Capability;
  readonly description: string;
  /** What it does with this model: the first line of its help. */
  describe(entry: ModelEntry): string;
  /** Adds the arguments and options that this model takes. */
  define(command: Command, entry: ModelEntry): void;
  /** `inputs`: the arguments that `define` added. */
  run(entry: ModelEntry, inputs: readonly string[], options: Options, terminal: Terminal): Promise<void>;
}
