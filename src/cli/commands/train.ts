// `five-tigers train`: trains a model on the user's data, with checkpoints that resume exactly.

import type { ModelEntry } from '../../../models/index.ts';
import {
  CollapsedError, DivergedError, halfWeights, loadWeights, openDataFiles, saveWeightsFile, writeFileAtomic, type StepResult,
  type TensorData, type Trainer,
} from '../../node.ts'; // prettier-ignore
import { CommandError, INTERRUPTED } from '../ui/command-error.ts';
import { addCommon, addConfig, addProfile, addTuning, integer } from '../ui/options.ts';
import { openProfiler, type ProfileOption, type Profiler } from '../ui/profile.ts';
import type { Terminal } from '../ui/terminal.ts';
import type { ModelCommand } from './command.ts';
import { claimOutputs, type Outputs } from './train-outputs.ts';
import { jsonReport, textReport, type TrainReport } from './train-report.ts';
import { prepare, trainSteps, type Run, type StartOptions } from './train-run.ts';
import { addSettings } from './train-settings.ts';

interface TrainOptions extends StartOptions {
  readonly data: readonly string[];
  /** Stop after this step; the run can be resumed. */
  readonly steps?: number;
  readonly out?: string;
  readonly checkpoint?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Trains a model. Throws a CommandError if the user stops it, or if it diverges or collapses. */
export const trainCommand: ModelCommand<TrainOptions> = {
  name: 'train',
  description: 'train a model on your data; Ctrl-C saves a checkpoint, --resume continues',
  describe: ({ title }) =>
    `Train ${title}. The defaults are the model's recipe. Ctrl-C saves a checkpoint, --resume continues.`,
  define(command, entry) {
    command.requiredOption('--data <path...>', entry.train!.data);
    addConfig(command, entry);
    addSettings(command, entry);
    command
      .option('--steps <n>', 'stop after this step; resume later with --resume', integer(1))
      .option('--out <file>', `weights file (default: ${entry.name}.safetensors)`)
      .option('--checkpoint <file>', 'checkpoint file, written after each epoch (default: beside the weights)')
      .option(
        '--weights <source>',
        'start from these weights: "shipped", a file, a URL, a Hugging Face id, or a checkpoint',
      )
      .option('--resume <file>', 'continue from this checkpoint, with its settings');
    addTuning(addProfile(addCommon(command)));
  },
  async run(entry, _, options, terminal) {
    const weights = options.out ?? `${entry.name}.safetensors`;
    const beside = weights.replace(/(\.safetensors)?$/, '.checkpoint.safetensors');
    const outputs = await claimOutputs(weights, options.checkpoint ?? options.resume ?? beside);
    try {
      await train(entry, options, outputs, terminal);
    } finally {
      await outputs.release();
    }
  },
};

async function train(entry: ModelEntry, options: TrainOptions, outputs: Outputs, terminal: Terminal): Promise<void> {
  const profiler = await openProfiler(options.profile);
  const files = await openDataFiles(options.data);
  const report = options.json ? jsonReport(terminal) : textReport(terminal, entry);
  const run = await prepare(entry, files, options, report, terminal);
  const { trainer, steps } = run;
  const start = performance.now();
  try {
    if (trainer.stepsDone >= steps) {
      terminal.note(`The run in ${options.resume} is finished: all ${steps} steps are done. Evaluating it again.`);
    }
    const save = async () => {
      await writeFileAtomic(outputs.checkpoint, await trainer.checkpoint());
      report.saved(trainer.stepsDone, outputs.checkpoint);
    };
    const interrupted = await trainSteps(run, options.steps ?? Infinity, save, report, terminal);
    if (interrupted) throw stopped(entry, options, outputs, trainer);
    await finish(entry, run, outputs, profiler, options, report, start);
  } catch (error) {
    report.close();
    if (!(error instanceof DivergedError || error instanceof CollapsedError)) throw error;
    throw await failed(error, run, outputs);
  } finally {
    trainer.device.destroy();
  }
}

/** Saves the weights, and measures them as saved. */
async function finish(
  entry: ModelEntry,
  run: Run,
  { weights, checkpoint }: Outputs,
  profiler: Profiler,
  options: TrainOptions,
  report: TrainReport,
  start: number,
): Promise<void> {
  const { trainer, model, heldOut, settings } = run;
  const step = trainer.stepsDone;
  // Before the best weights replace the last ones.
  if (options.profile) profiler.add(await trainer.profile());
  const tensors = await finalWeights(run);
  // Saved weights are rounded, so rounded weights are measured.
  model.loadStateDict(tensors);
  const onProgress = (done: number, total: number) => report.measuring(done, total);
  const metrics = (await heldOut?.measure({ device: trainer.device, loadWeights, onProgress })) ?? {};
  const count = heldOut?.count ?? 0;
  await saveWeights(weights, tensors, run, { ...metrics, count });
  const seconds = (performance.now() - start) / 1000;
  const { device, best } = trainer;
  const adapter = device.info.description;
  const { config } = settings;
  report.finished({
    model: entry.name, config, step, bestStep: best?.step, metrics, count, adapter, seconds, weights, checkpoint,
  }); // prettier-ignore
  const profile = await profiler.complete(device);
  if (profile) report.profiled(profile);
}

/** The final weights of a run: the best ones, if it kept them, and running averages in place of what they average. */
async function finalWeights({ trainer, model, parts }: Run): Promise<Map<string, TensorData>> {
  if (trainer.best) trainer.useBest();
  await parts.average?.swap();
  return halfWeights(await model.stateDict());
}

async function saveWeights(
  file: string,
  tensors: ReadonlyMap<string, TensorData>,
  { settings, trainer }: Run,
  more: Readonly<Record<string, number>>,
): Promise<void> {
  const noted = { ...settings, steps: trainer.stepsDone, ...more };
  const text = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  const metadata = Object.fromEntries(Object.entries(noted).map(([key, value]) => [key, text(value)]));
  await saveWeightsFile(file, tensors, { metadata });
}

/** Saves the best weights of a failed run, and says what happened. */
async function failed(error: DivergedError | CollapsedError, run: Run, { weights }: Outputs): Promise<CommandError> {
  const { trainer, settings } = run;
  const { best } = trainer;
  const isPhased = Object.keys(run.parts.phases).length > 1;
  await saveWeights(weights, await finalWeights(run), run, {});
  const kept = best
    ? `The best weights, of step ${best.step},`
    : `The last good weights, of step ${trainer.stepsDone},`;
  const problem =
    error instanceof DivergedError
      ? `Training diverged: the loss of ${isPhased ? `the ${error.phase} in ` : ''}step ${error.step} is not finite.`
      : `Training collapsed at step ${error.step}: ${error.reason}.`;
  const advice = `Try a --lr below ${settings.learningRate}, or another --seed.`;
  return new CommandError(`${problem} ${kept} are in ${weights}. ${advice}`, 1, { cause: error });
}

/** The error of a run that the user stopped: gives the command that resumes it. */
function stopped(
  entry: ModelEntry,
  options: TrainOptions,
  outputs: Outputs,
  trainer: Trainer<StepResult>,
): CommandError {
  const device = options.device === 'auto' ? {} : { device: [options.device] };
  const again = { data: options.data, resume: [outputs.checkpoint], out: [outputs.weights], ...device };
  const quoted = (path: string): string => (/[^\w./-]/.test(path) ? `'${path}'` : path);
  const words = Object.entries(again).map(([option, values]) => ` --${option} ${values.map(quoted).join(' ')}`);
  const command = `five-tigers train ${entry.name}${words.join('')}`;
  return new CommandError(`Stopped after step ${trainer.stepsDone}. Resume with:\n  ${command}`, INTERRUPTED);
}
