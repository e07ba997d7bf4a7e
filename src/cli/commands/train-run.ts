// The training run of `five-tigers train`: made anew or from a checkpoint, and carried on step by step.

import { setImmediate } from 'node:timers/promises';
import type { ModelEntry, TrainingData } from '../../../models/index.ts';
import {
  decodeCheckpoint, makeOptimizer, makeSchedule, manualSeed, readFileOrExplain, Trainer, type DataFiles, type Module, type StepResult,
} from '../../node.ts'; // prettier-ignore
import { describeDevice, openWithNews, type DeviceOptions } from '../ui/device.ts';
import { watchInterruption } from '../ui/interruption.ts';
import type { Terminal } from '../ui/terminal.ts';
import type { TrainReport } from './train-report.ts';
import { digested, expectSameData, newSettings, resumedSettings, type CliSettings } from './train-settings.ts';

/** Options that a run is made from, besides its settings. */
export interface StartOptions extends DeviceOptions {
  readonly resume?: string;
}

/** A run with all that it consists of. */
export interface Run {
  readonly settings: CliSettings;
  readonly model: Module;
  readonly data: TrainingData<Module>;
  readonly trainer: Trainer<StepResult>;
}

async function readCheckpoint(file: string) {
  const bytes = await readFileOrExplain(file, 'the checkpoint');
  try {
    return { bytes, settings: decodeCheckpoint(bytes).settings };
  } catch (cause) {
    throw new Error(`Cannot resume from ${file}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Everything of a new run, or of the one that is resumed.
 * @throws an Error for data or a checkpoint that cannot be used; a CommandError for options that do not fit it.
 */
export async function prepare(
  entry: ModelEntry,
  dataFiles: DataFiles,
  options: StartOptions,
  report: TrainReport,
  terminal: Terminal,
): Promise<Run> {
  const started = options.resume ? await readCheckpoint(options.resume) : null;
  const given = options as unknown as Readonly<Record<string, unknown>>;
  const asked = started ? resumedSettings(entry, options.resume!, started.settings, given) : newSettings(entry, given);
  const { files, digest } = digested(dataFiles);
  const data = await entry.train!.open(files, asked);
  if (started) expectSameData(options.resume!, asked.data, digest());
  const settings = { ...asked, data: digest() };
  const { seed, config } = settings;
  manualSeed(seed);
  const model = entry.build(config, data.details);
  const phases = data.phases(model, (parameters) => makeOptimizer(settings, parameters));
  const schedule = makeSchedule(settings, settings.epochs * data.stepsPerEpoch);
  const trainer = await Trainer.create({
    state: { model },
    phases: Object.fromEntries(Object.entries(phases).map(([name, phase]) => [name, { ...phase, schedule }])),
    data: data.data,
    openDevice: () => openWithNews(options, terminal),
    seed,
    settings,
    onProgress: (done, total) => report.preparing(done, total),
    onRecovered: (reason) => terminal.news(`The GPU was lost (${reason}). Another one takes over; nothing is lost.`),
  });
  if (started) trainer.restore(started.bytes);
  return { settings, model, data, trainer };
}

/** The outputs of one element, by name: what is worth reporting of a step besides the loss of its first phase. */
function measuresOf({ phases }: StepResult): Record<string, number> {
  const measures = Object.entries(phases).flatMap(([phase, { outputs }], i) =>
    Object.entries(outputs).flatMap(([name, { data }]) => {
      if (data.length !== 1 || (i === 0 && name === 'loss')) return [];
      return [[i === 0 ? name : `${phase}_${name}`, data[0]] as const];
    }),
  );
  return Object.fromEntries(measures);
}

/** Trains to the end of the run or step `lastStep`, saving after each epoch. True when the user has interrupted it. */
export async function trainSteps(
  { settings, model, data, trainer }: Run,
  lastStep: number,
  save: () => Promise<void>,
  report: TrainReport,
  terminal: Terminal,
): Promise<boolean> {
  const { stepsPerEpoch } = data;
  const steps = settings.epochs * stepsPerEpoch;
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
  report.started({
    settings,
    data: data.summary,
    adapter: describeDevice(trainer.device),
    parameters,
    stepsPerEpoch,
    step: trainer.stepsDone,
  });
  const interruption = watchInterruption(() =>
    terminal.news('\nFinishing this step to save it; press again to stop at once.'),
  );
  let saved = NaN;
  try {
    while (trainer.stepsDone < Math.min(steps, lastStep) && !interruption.requested) {
      const result = await trainer.step();
      const { step } = result;
      const [{ loss, learningRate }] = Object.values(result.phases);
      report.step({ step, epoch: Math.ceil(step / stepsPerEpoch), loss, learningRate, measures: measuresOf(result) });
      if (step % stepsPerEpoch === 0) {
        await save();
        saved = step;
      }
      // The CPU's steps never wait for anything, and so Ctrl-C would never be heard.
      await setImmediate();
    }
    if (saved !== trainer.stepsDone) await save();
    return interruption.requested && trainer.stepsDone < steps;
  } finally {
    interruption.end();
  }
}
