// `five-tigers train`: trains a model on the user's MNIST files, with checkpoints from which it goes on exactly.

import { resolve } from 'node:path';
import type { ModelEntry } from '../../models/index.ts';
import { DivergedError, loadMnist, saveSafetensorsFile, writeFileAtomic } from '../node.ts';
import { CommandError, INTERRUPTED, USAGE } from './command-error.ts';
import { evaluate } from './digits.ts';
import { openProfiler, type ProfileOption } from './profile.ts';
import type { Terminal } from './terminal.ts';
import { jsonReport, textReport } from './train-report.ts';
import { prepare, trainSteps, type Run, type StartOptions } from './train-run.ts';
import { expectWritable } from './writable.ts';

/** Options of the command. */
export interface TrainOptions extends StartOptions {
  /** Stop after this step, ready to go on. */
  readonly steps?: number;
  readonly out?: string;
  readonly checkpoint?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Trains `entry`, registered as `name`. Throws a CommandError when the user stops it and when it diverges. */
export async function train(name: string, entry: ModelEntry, options: TrainOptions, terminal: Terminal): Promise<void> {
  const weights = options.out ?? `${name}.safetensors`;
  const checkpoint =
    options.checkpoint ?? options.resume ?? weights.replace(/(\.safetensors)?$/, '.checkpoint.safetensors');
  await checkOutputs(weights, checkpoint);
  const profiler = await openProfiler(options.profile);
  // Loaded now, so that a missing file is known before the training and not after it.
  const test = await loadMnist(options.data, 'test');
  const report = options.json ? jsonReport(terminal) : textReport(terminal);
  const run = await prepare(name, entry, options, report, terminal);
  const { trainer, model, settings } = run;
  const start = performance.now();
  try {
    const save = async () => {
      await writeFileAtomic(checkpoint, await trainer.checkpoint());
      report.saved(trainer.stepsDone, checkpoint);
    };
    const interrupted = await trainSteps(run, options.steps ?? Infinity, save, report, terminal);
    if (interrupted) {
      const device = options.device === 'auto' ? {} : { device: options.device };
      const again = { data: options.data, resume: checkpoint, out: weights, ...device };
      const words = Object.entries(again).map(([option, value]) => ` --${option} ${quoted(value)}`);
      throw new CommandError(
        `Stopped after step ${trainer.stepsDone}. Go on with:\n  five-tigers train ${name}${words.join('')}`,
        INTERRUPTED,
      );
    }
    // Before the evaluation, which leaves the model out of training.
    if (options.profile) profiler.add(await trainer.profile());
    const { accuracy, count } = await evaluate(trainer.device, model, test, (done) => {
      report.evaluated(done, test.count);
    });
    await saveWeights(weights, run, { accuracy: String(accuracy), images: String(count) });
    const adapter = trainer.device.info.description;
    const seconds = (performance.now() - start) / 1000;
    const step = trainer.stepsDone;
    report.finished({
      model: name,
      config: settings.config,
      step,
      accuracy,
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
    await saveWeights(weights, run, {});
    throw new CommandError(
      `Training diverged: the loss of step ${error.step} is not finite. The last good weights, of step ` +
        `${error.restoredStep}, are in ${weights}. Train anew with a --lr below ${settings.lr}.`,
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
  { model, settings, trainer }: Run,
  more: Record<string, string>,
): Promise<void> {
  const { augment, ...plain } = settings;
  const texts = Object.entries(plain).map(([key, value]) => [key, String(value)]);
  const steps = String(trainer.stepsDone);
  await saveSafetensorsFile(file, await model.stateDict(), {
    ...Object.fromEntries(texts),
    augment: JSON.stringify(augment),
    steps,
    ...more,
  });
}
