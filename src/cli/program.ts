// The command line: its commands and options, and which exit code an error gives.

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { models } from '../../models/index.ts';
import { benchDevice } from './bench.ts';
import { CommandError, USAGE } from './command-error.ts';
import { deviceKinds } from './device.ts';
import { evaluateModel } from './eval.ts';
import { divergeModel } from './diverge.ts';
import { info } from './info.ts';
import { inspectModel } from './inspect.ts';
import { runModel } from './run.ts';
import { optimizers, schedules, SGD_LEARNING_RATE } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { train } from './train.ts';
import { tuneDevice } from './tune.ts';
import { verifyDevice } from './verify.ts';
import { version } from './versions.ts';

/**
 * Runs the command that `argv` (without node and script) asks for.
 * @returns the exit code: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.
 */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = makeProgram(terminal);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said what is wrong; help and version come as errors with code 0.
      if (error.exitCode === 0) return 0;
      const command = program.commands.find((candidate) => candidate.name() === argv[0]) ?? program;
      const list = choicesAfter(error, command);
      if (list) terminal.news(list);
      return USAGE;
    }
    const { message, stack } = error as Error;
    terminal.news(process.env.FIVE_TIGERS_DEBUG ? stack! : message);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

/** What there is instead of what the user asked for. */
function choicesAfter({ code }: CommanderError, command: Command): string | null {
  const names = {
    commands: command.commands.map((one) => one.name()),
    options: command.options.map(({ long }) => long),
  };
  if (code === 'commander.unknownCommand') return `Commands: ${names.commands.join(', ')}.`;
  if (code === 'commander.unknownOption') return `Options: ${names.options.join(', ')}, --help.`;
  return code === 'commander.help' ? null : `Try five-tigers ${command.parent ? `${command.name()} ` : ''}--help.`;
}

const configs = Object.entries(models).map(([name, entry]) => `${name}: ${Object.keys(entry.configs).join(', ')}`);
const configOption = ['--config <name>', `variant of the model (${configs.join('; ')})`] as const;
const weightsOption = [
  '--weights <file>',
  'safetensors file or training checkpoint (default: the shipped weights)',
] as const;

const tuningOption = ['--tuning <file>', 'choose kernel variants by this table of tune'] as const;

const profileOption = [
  '--profile [file]',
  'show where the time of what ran goes, and write a Chrome trace into the file',
] as const;

/** An option that the user may leave out, for the command to know that, and that is then `preset`. */
const choice = (flags: string, description: string, choices: object, preset: string) =>
  new Option(flags, `${description}, default: ${preset}`).choices(Object.keys(choices));

const wholeNumber = (least: number) => (text: string) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value < 2 ** 32) return value;
  throw new InvalidArgumentError(`It is a whole number from ${least} on.`);
};

function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0 && value < Infinity) return value;
  throw new InvalidArgumentError('It is a number above 0.');
}

function makeProgram(terminal: Terminal): Command {
  const program = new Command('five-tigers')
    .description('A model zoo on WebGPU: models that run and train on your GPU.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.result(text.trimEnd()),
      writeErr: (text) => terminal.news(text.trimEnd()),
    });
  const onDevice = (command: Command) =>
    command.addOption(new Option('--device <kind>', 'what computes').choices(deviceKinds).default('auto'));
  const common = (command: Command) => onDevice(command).option('--json', 'results as JSON');
  const ofModel = (name: string, description: string) =>
    common(
      program
        .command(name)
        .description(description)
        .addArgument(new Argument('<model>').choices(Object.keys(models)))
        .option(...profileOption),
    );

  common(program.command('info').description('show the adapter, its features and limits')).action((options) =>
    info(options, terminal),
  );
  common(
    program
      .command('verify')
      .description('check every kernel on this GPU against the CPU reference')
      .option('--op <names...>', 'ops to check (default: all)')
      .option(...profileOption),
  ).action((options) => verifyDevice(options, terminal));
  onDevice(
    program
      .command('bench')
      .description('time kernels and models on this GPU, against two ceilings measured on it')
      .option('--case <regex>', 'cases whose name or group matches (default: all)')
      .option('--variants', 'each kernel variant as well')
      .option('--all', 'large cases on software adapters as well')
      .option('--seconds <n>', 'of measured runs a case (default: 0.5)', positiveNumber)
      .option('--json [file]', 'the report as JSON, into a file or (without one, or with -) to stdout')
      .option('--compare <file>', 'an earlier report, to see what became faster')
      .option(...profileOption)
      .option(...tuningOption),
  ).action((options) => benchDevice(options, terminal));
  common(
    program
      .command('tune')
      .description('find the fastest variant of each kernel on this GPU, among those that are right')
      .option('--case <regex>', 'cases whose name or group matches (default: all)')
      .option('--all', 'large cases on software adapters as well')
      .option('--seconds <n>', 'of measured runs a variant (default: 0.2)', positiveNumber)
      .option('--out <file>', 'the table; what is in it already is kept (default: five-tigers-tuning.json)')
      .option(...profileOption),
  ).action((options) => tuneDevice(options, terminal));
  ofModel('train', 'train a model on MNIST; Ctrl-C saves, --resume goes on')
    .requiredOption('--data <folder>', "folder with MNIST's four files")
    .option(...configOption)
    .option('--epochs <n>', "times through the data (default: the model's recipe)", wholeNumber(1))
    .option('--steps <n>', 'stop after this step, ready to be resumed', wholeNumber(1))
    .option('--batch <n>', "images a step (default: the model's recipe)", wholeNumber(1))
    .option('--lr <x>', `learning rate (default: the model's recipe; for sgd ${SGD_LEARNING_RATE})`, positiveNumber)
    .addOption(choice('--optimizer <name>', 'rule of the steps', optimizers, 'adamw'))
    .addOption(choice('--schedule <name>', 'course of the learning rate', schedules, 'cosine'))
    .option('--no-augment', 'train on the images as they are, not shifted, turned and scaled')
    .option('--seed <n>', 'of weights, order and augmentation (default: 1)', wholeNumber(0))
    .option('--out <file>', 'weights (default: MODEL.safetensors)')
    .option('--checkpoint <file>', "the run's state, written after each epoch (default: beside the weights)")
    .option('--resume <file>', 'checkpoint to go on from, with the settings stored in it')
    .option(...tuningOption)
    .action((name, options) => train(name, models[name], options, terminal));
  ofModel('eval', 'measure the accuracy on the test images of MNIST')
    .requiredOption('--data <folder>', 'folder with the test files of MNIST')
    .option(...weightsOption)
    .option(...configOption)
    .option(...tuningOption)
    .action((name, options) => evaluateModel(name, models[name], options, terminal));
  ofModel('run', 'tell the digit on a picture')
    .argument('<image>', 'PNG or JPEG of one digit')
    .option(...weightsOption)
    .option(...configOption)
    .option(...tuningOption)
    .action((name, image, options) => runModel(name, models[name], image, options, terminal));
  ofModel('inspect', "show a model's plan: steps, kernels, arithmetic, memory")
    .addOption(new Option('--format <name>', 'how').choices(['text', 'json', 'mermaid', 'svg']).default('text'))
    .option('--train', 'a training step instead of the forward pass')
    .option('--batch <n>', 'images at once (default: 1)', wholeNumber(1))
    .option(...configOption)
    .action((name, options) => inspectModel(name, models[name], options, terminal));
  ofModel('diverge', 'find the first node of a model that this GPU computes otherwise than the CPU')
    .option('--train', 'a training step instead of the forward pass')
    .option('--batch <n>', 'images at once (default: 2)', wholeNumber(1))
    .option('--seed <n>', 'of the images (default: 1)', wholeNumber(0))
    .option('--out <file>', 'where a repro is written (default: MODEL-divergence.json)')
    .option(...weightsOption)
    .option(...configOption)
    .action((name, options) => divergeModel(name, models[name], options, terminal));
  return program;
}
