// The command line: its commands, the model that a command takes, and the exit code of each error.

import { Command, CommanderError } from 'commander';
import { models, type ModelEntry, type ModelRecord } from '../../models/index.ts';
import { benchCommand } from './commands/bench.ts';
import type { ModelCommand, PlainCommand } from './commands/command.ts';
import { divergeCommand } from './commands/diverge.ts';
import { evalCommand } from './commands/eval.ts';
import { exportCommand } from './commands/export.ts';
import { generateCommand } from './commands/generate.ts';
import { infoCommand } from './commands/info.ts';
import { inspectCommand } from './commands/inspect.ts';
import { modelsCommand } from './commands/models.ts';
import { runCommand } from './commands/run.ts';
import { trainCommand } from './commands/train.ts';
import { tuneCommand } from './commands/tune.ts';
import { verifyCommand } from './commands/verify.ts';
import { CommandError, USAGE } from './ui/command-error.ts';
import { nearNames } from './ui/near-names.ts';
import type { Terminal } from './ui/terminal.ts';
import { version } from './ui/versions.ts';

const ofModels: readonly ModelCommand<never>[] = [
  trainCommand, evalCommand, runCommand, generateCommand, exportCommand, inspectCommand, divergeCommand,
]; // prettier-ignore
const plain: readonly PlainCommand<never>[] = [modelsCommand, infoCommand, verifyCommand, benchCommand, tuneCommand];

/**
 * Runs the command in `argv` (without node and script).
 * @returns the exit code: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.
 */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  let program: Command | undefined;
  try {
    const entry = await namedModel(argv);
    program = makeProgram(entry, terminal);
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the problem; help and version arrive as errors with code 0.
      if (error.exitCode === 0) return 0;
      const list = choicesAfter(error, commandOf(program!, argv));
      if (list) terminal.note(list);
      return USAGE;
    }
    const { message, stack } = error as Error;
    terminal.note(process.env.FIVE_TIGERS_DEBUG ? stack! : message);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

const offeredBy = ({ name }: ModelCommand<never>): ModelRecord[] =>
  Object.values<ModelRecord>(models).filter(({ capabilities }) => capabilities.includes(name));

/**
 * The model that the command takes; null for commands without one, and if only help is asked for. It is loaded before the
 * options are parsed, because they depend on it.
 */
async function namedModel([name, model, ...more]: readonly string[]): Promise<ModelEntry | null> {
  const command = ofModels.find((one) => one.name === name);
  if (!command || ['--help', '-h'].includes(model)) return null;
  const records = offeredBy(command);
  const names = records.map((record) => record.name);
  if (model === undefined || model.startsWith('-')) {
    const example = [model, ...more].find((word) => names.includes(word)) ?? names[0];
    throw new CommandError(
      `Name the model first: five-tigers ${name} ${example}. Models that support ${name}: ${names.join(', ')}.`,
      USAGE,
    );
  }
  const record = records.find((one) => one.name === model);
  if (record) return record.load();
  const known = Object.hasOwn(models, model);
  const near = nearNames(model, names);
  const problem = known ? `${model} does not support ${name}.` : `There is no model "${model}".`;
  const hint = near.length > 0 && !known ? ` Did you mean ${near.join(', ')}?` : '';
  throw new CommandError(`${problem}${hint} Models that support ${name}: ${names.join(', ')}.`, USAGE);
}

function makeProgram(entry: ModelEntry | null, terminal: Terminal): Command {
  const program = new Command('five-tigers')
    .description('A model zoo on WebGPU: models that run and train on your GPU.')
    .version(version)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.result(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    });
  for (const command of plain) {
    const added = program.command(command.name).description(command.description);
    command.define(added);
    added.action((options) => command.run(options as never, terminal));
  }
  for (const command of ofModels) addModelCommand(program, command, entry, terminal);
  return program;
}

/** Adds a command with a subcommand per model; only the subcommand of `entry` has options, those of the model. */
function addModelCommand(
  program: Command,
  command: ModelCommand<never>,
  entry: ModelEntry | null,
  terminal: Terminal,
): void {
  const group = program
    .command(command.name)
    .description(command.description)
    .commandsGroup('Models:')
    .helpCommand(false);
  group
    .usage('<model> [options]')
    .addHelpText('after', `\nFor the options of a model: five-tigers ${command.name} MODEL --help`);
  for (const record of offeredBy(command)) {
    const one = group.command(record.name).description(record.title);
    if (record.name !== entry?.name) continue;
    one.description(command.describe(entry));
    command.define(one, entry);
    one.action((...given: unknown[]) => {
      const [options] = given.slice(-2);
      return command.run(entry, given.slice(0, -2) as string[], options as never, terminal);
    });
  }
}

/** The command that `argv` names. */
function commandOf(program: Command, argv: readonly string[]): Command {
  let command = program;
  for (const word of argv.slice(0, 2)) command = command.commands.find((one) => one.name() === word) ?? command;
  return command;
}

/** Lists what the user could have meant. */
function choicesAfter({ code }: CommanderError, command: Command): string | null {
  const names = {
    commands: command.commands.map((one) => one.name()),
    options: command.options.map(({ long }) => long),
  };
  if (code === 'commander.unknownCommand') return `Commands: ${names.commands.join(', ')}.`;
  if (code === 'commander.unknownOption') return `Options: ${names.options.join(', ')}, --help.`;
  if (code === 'commander.help') return null;
  const path: string[] = [];
  for (let one: Command | null = command; one; one = one.parent) path.unshift(one.name());
  return `Try ${path.join(' ')} --help.`;
}
