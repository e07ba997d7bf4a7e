// `five-tigers train`: trains a model on the user's data, with checkpoints from which it goes on exactly.

import { resolve } from 'node:path';
import type { ModelEntry } from '../../../models/index.ts';
import { DivergedError, openDataFiles, saveSafetensorsFile, writeFileAtomic } from '../../node.ts';
import { CommandError, INTERRUPTED, USAGE } from '../ui/command-error.ts';
import { addCommon, addConfig, addProfile, addTuning, integer } from '../ui/options.ts';
import { openProfiler, type ProfileOption } from '../ui/profile.ts';
import type { Terminal } from '../ui/terminal.ts';
import type { ModelCommand } from './command.ts';
import { jsonReport, textReport } from './train-report.ts';
import { prepare, trainSteps, type Run, type StartOptions } from './train-run.ts';
import { addSettings } from './train-settings.ts';
import { expectWritable } from '../ui/writable.ts';

interface TrainOptions extends StartOptions {
  readonly data: readonly string[];
  /** Stop after this step, ready to go on. */
  readonly steps?: number;
  readonly out?: string;
  readonly checkpoint?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Trains a model. Throws a CommandError when the user stops it and when it diverges. */
export const trainCommand: ModelCommand<TrainOptions> = {
  name: 'train',
  description: 'train a model on your data; Ctrl-C saves, --resume goes on',
  describe: ({ title }) =>
    `Train ${title}. The defaults are the recipe of the shipped weights. Ctrl-C saves, --resume goes on.`,
  define(command, entry) {
    command.requiredOption('--data <path...>', entry.train!.data);
    addConfig(command, entry);
    addSettings(command, entry);
    command
      .option('--steps <n>', 'stop after this step, ready to be resumed', integer(1))
      .option('--out <file>', `weights (default: ${entry.name}.safetensors)`)
      .option('--checkpoint <file>', "the run's state, written after each epoch (default: beside the weights)")
      .option('--resume <file>', 'checkpoint to go on from, with the settings stored in it');
    addTuning(addProfile(addCommon(command)));
  },
  run: (entry, _, options, terminal) => train(entry, options, terminal),
};

async function train(entry: ModelEntry, options: TrainOptions, terminal: Terminal): Promise<void> {
  const { name } = entry;
  const weights = options.out ?? `${name}.safetensors`;
  const checkpoint =
    options.checkpoint ?? options.resume ?? weights.replace(/(\.safetensors)?$/, '.checkpoint.safetensors');
  await checkOutputs(weights, checkpoint);
  const profiler = await openProfiler(options.profile);
  const files = await openDataFiles(options.data);
  const report = options.json ? jsonReport(terminal) : textReport(terminal, entry);
  const run = await prepare(entry, files, options, report, terminal);
  const { trainer, model, settings } = run;
  const start = performance.now();
  try {
    // Opened now, so that a missing file is known before the training and not after it.
    const test = await entry.evaluate?.open(model, files);
    const save = async () => {
      await writeFileAtomic(checkpoint, await trainer.checkpoint());
      report.saved(trainer.stepsDone, checkpoint);
    };
    const interrupted = await trainSteps(run, options.steps ?? Infinity, save, report, terminal);
    if (interrupted) {
      const device = options.device === 'auto' ? {} : { device: [options.device] };
      const again = { data: options.data, resume: [checkpoint], out: [weights], ...device };
      const words = Object.entries(again).map(([option, values]) => ` --${option} ${values.map(quoted).join(' ')}`);
      throw new CommandError(
        `Stopped after step ${trainer.stepsDone}. Resume with:\n  five-tigers train ${name}${words.join('')}`,
        INTERRUPTED,
      );
    }
    // Before the evaluation, which leaves the model out of training.
    if (options.profile) profiler.add(await trainer.profile());
    const count = test?.count ?? 0;
    const work = { device: trainer.device, onProgress: (done: number) => report.evaluated(done, count) };
    const metrics = (await test?.measure(work)) ?? {};
    const noted = Object.entries(metrics).map(([metric, value]) => [metric, String(value)]);
    await saveWeights(weights, entry, run, { ...Object.fromEntries(noted), count: String(count) });
    const adapter = trainer.device.info.description;
    const seconds = (performance.now() - start) / 1000;
    const step = trainer.stepsDone;
    report.finished({
      model: name,
      config: settings.config,
      step,
      metrics,
      count,
      adapter,
      seconds,
      weights,
      checkpoint,
    });
    const profile = await profiler.complete(trainer.device);
    if (profile) report.profiled(profile);
  } catch (error) {
    report.close();
    if (!(error instanceof DivergedError)) throw error;
    await saveWeights(weights, entry, run, {});
    throw new CommandError(
      `Training diverged: the loss of step ${error.step} is not finite. The last good weights, of step ` +
        `${error.restoredStep}, are in ${weights}. Start again with a --lr below ${settings.learningRate}.`,
      1,
      { cause: error },
    );
  } finally {
    trainer.device.destroy();
  }
}

const quoted = (path: string): string => (/[^\w./-]/.test(path) ? `'${path}'` : path);

/** Finds out before the training whether its results can be written. */
async function checkOutputs(weights: string, checkpoint: string): Promise<void> {
  if (resolve(weights) === resolve(checkpoint)) {
    throw new CommandError(`--out and the checkpoint are the same file, ${weights}: name two.`, USAGE);
  }
  for (const file of [weights, checkpoint]) await expectWritable(file);
}

async function saveWeights(
  file: string,
  entry: ModelEntry,
  { model, settings, trainer }: Run,
  more: Record<string, string>,
): Promise<void> {
  const text = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  const texts = Object.entries(settings).map(([key, value]) => [key, text(value)]);
  const steps = String(trainer.stepsDone);
  await saveSafetensorsFile(file, await model.stateDict(), {
    ...Object.fromEntries(texts),
    ...entry.details?.(model),
    steps,
    ...more,
  });
}
