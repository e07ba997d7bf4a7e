// What a command is: how it describes itself, which options it takes, and what it does.

import type { Command } from 'commander';
import type { Capability, ModelEntry } from '../../../models/index.ts';
import type { Terminal } from '../ui/terminal.ts';

/** A command that no model is named to. */
export interface PlainCommand<Options> {
  readonly name: string;
  readonly description: string;
  /** Adds the options. */
  define(command: Command): void;
  run(options: Options, terminal: Terminal): Promise<void>;
}

/** A command of one model; it offers those that have the capability of its name. */
export interface ModelCommand<Options> {
  readonly name: Capability;
  readonly description: string;
  /** What it does with this model: the first line of its help. */
  describe(entry: ModelEntry): string;
  /** Adds the arguments and options that this model takes. */
  define(command: Command, entry: ModelEntry): void;
  /** `inputs`: the arguments that `define` has added. */
  run(entry: ModelEntry, inputs: readonly string[], options: Options, terminal: Terminal): Promise<void>;
}
