// The training run of `five-tigers train`: started or resumed, and carried out step by step.

import { setImmediate } from 'node:timers/promises';
import type { Details, EvaluationData, ModelEntry, TrainingData, TrainingParts } from '../../../models/index.ts';
import {
  decodeCheckpoint, loadWeights, makeSchedule, manualSeed, readFileOrExplain, stepsOf, Trainer, type DataFiles, type EvaluateOptions,
  type Module, type StepResult,
} from '../../node.ts'; // prettier-ignore
import { describeDevice, openChosenDevice, type DeviceOptions } from '../ui/device.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { loadModel } from '../ui/weights.ts';
import { watchInterruption } from '../ui/interruption.ts';
import type { Terminal } from '../ui/terminal.ts';
import type { TrainReport } from './train-report.ts';
import { digested, expectSameData, newSettings, resumedSettings, type CliSettings } from './train-settings.ts';

/** Options of a run besides its settings. */
export interface StartOptions extends DeviceOptions {
  readonly resume?: string;
  /** Weights from which a new run starts, instead of initial ones: `shipped`, or a source of weights. */
  readonly weights?: string;
}

/** A run and all of its parts. */
export interface Run {
  readonly settings: CliSettings;
  readonly model: Module;
  readonly data: TrainingData<Module>;
  readonly parts: TrainingParts;
  /** Held-out data; null for a model without an evaluation. */
  readonly heldOut: EvaluationData | null;
  readonly trainer: Trainer<StepResult>;
  /** Whether the weights with the best held-out score are kept. */
  readonly keepsBest: boolean;
  /** Steps per epoch, and of the whole run. */
  readonly stepsPerEpoch: number;
  readonly steps: number;
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
 * Prepares a new run, or the one to resume.
 * @throws an Error if the data or the checkpoint cannot be used; a CommandError if options conflict with the checkpoint.
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
  if (started && options.weights) {
    throw new CommandError('--weights starts a new run: use either that or --resume.', USAGE);
  }
  const { files, digest } = digested(dataFiles);
  const first = options.weights ? await startingWeights(entry, options.weights, asked.config, terminal) : null;
  const data = await entry.train!.open(files, asked, first?.details ?? (started?.settings as Details | undefined));
  if (started) expectSameData(options.resume!, asked.data, digest());
  const settings: CliSettings = { ...asked, ...data.details, data: digest() };
  manualSeed(settings.seed);
  const model = entry.build(settings.config, data.details);
  // Opened now, so that a missing file is reported before training, not after it.
  const heldOut = (await entry.evaluate?.open(model, dataFiles)) ?? null;
  const stepsPerEpoch = Math.max(1, Math.floor(data.batchesPerEpoch / (settings.accumulate ?? 1)));
  const steps = Math.max(1, stepsOf(settings, stepsPerEpoch));
  const parts = data.start(model);
  if (first) model.loadStateDict(await first.model.stateDict());
  const schedule = makeSchedule(settings, steps);
  const { average, watch } = parts;
  const { patience, seed } = settings;
  const evaluate =
    entry.train!.keepBest && heldOut
      ? { ...evaluation(entry, data, parts, heldOut, stepsPerEpoch, report), patience }
      : undefined;
  const trainer = await Trainer.create({
    state: { model, ...(average && { average }) },
    phases: Object.fromEntries(Object.entries(parts.phases).map(([name, phase]) => [name, { schedule, ...phase }])),
    data: parts.data,
    accumulate: settings.accumulate,
    evaluate,
    watch,
    openDevice: () => openChosenDevice(options, terminal),
    seed,
    settings,
    onProgress: (done, total) => report.preparing(done, total),
    onRecovered: (reason) =>
      terminal.note(`The GPU was lost (${reason}). Training continues on a new device; no progress is lost.`),
  });
  if (started) trainer.restore(started.bytes);
  return { settings, model, data, parts, heldOut, trainer, keepsBest: !!evaluate, stepsPerEpoch, steps };
}

/** The weights that a new run starts from, with the metadata of their file. */
const startingWeights = (entry: ModelEntry, weights: string, config: string, terminal: Terminal) =>
  loadModel(entry, { weights: weights === 'shipped' ? undefined : weights, config }, terminal);

/** How a run is evaluated on the way: with the weights that would be saved, running average included. */
function evaluation(
  { evaluate }: ModelEntry,
  data: TrainingData<Module>,
  { average }: TrainingParts,
  heldOut: EvaluationData,
  stepsPerEpoch: number,
  report: TrainReport,
): EvaluateOptions {
  const [[metric, { better }]] = Object.entries(evaluate!.metrics);
  return {
    every: data.evaluateEvery ?? stepsPerEpoch,
    best: { metric, better },
    measure(device) {
      const onProgress = (done: number, total: number) => report.measuring(done, total);
      const measure = () => heldOut.measure({ device, loadWeights, onProgress, quick: true });
      return average ? average.whileSwapped(measure) : measure();
    },
  };
}

/** A step's scalar outputs by name, except the loss of its first phase: what else is worth reporting. */
function measuresOf({ phases }: StepResult): Record<string, number> {
  const measures = Object.entries(phases).flatMap(([phase, { outputs }], i) =>
    Object.entries(outputs).flatMap(([name, { data }]) => {
      if (data.length !== 1 || (i === 0 && name === 'loss')) return [];
      return [[i === 0 ? name : `${phase}_${name}`, data[0]] as const];
    }),
  );
  return Object.fromEntries(measures);
}

/** At most this many seconds of training are lost if the process is killed. */
const SECONDS_BETWEEN_SAVES = 300;

/** Trains to the end of the run or to step `lastStep`, saving after each epoch. Returns true if the user interrupted it. */
export async function trainSteps(
  { settings, model, data, trainer, keepsBest, stepsPerEpoch, steps }: Run,
  lastStep: number,
  save: () => Promise<void>,
  report: TrainReport,
  terminal: Terminal,
): Promise<boolean> {
  report.started({
    settings,
    data: data.summary,
    adapter: describeDevice(trainer.device),
    parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
    stepsPerEpoch,
    steps,
    step: trainer.stepsDone,
  });
  const interruption = watchInterruption(() =>
    terminal.note('\nFinishing this step and saving; press Ctrl-C again to stop at once.'),
  );
  let [saved, savedAt, isUnmeasured] = [NaN, Date.now(), false];
  try {
    while (trainer.stepsDone < Math.min(steps, lastStep) && !trainer.stopped && !interruption.requested) {
      const result = await trainer.step();
      const { step, evaluation: measured } = result;
      const [{ loss, learningRate }] = Object.values(result.phases);
      report.step({ step, epoch: Math.ceil(step / stepsPerEpoch), loss, learningRate, measures: measuresOf(result) });
      isUnmeasured = !measured;
      if (measured) report.measured(measured);
      if (step % stepsPerEpoch === 0 || measured || Date.now() - savedAt > 1000 * SECONDS_BETWEEN_SAVES) {
        await save();
        [saved, savedAt] = [step, Date.now()];
      }
      // Steps on the CPU never wait for anything, so without this Ctrl-C would never be handled.
      await setImmediate();
    }
    if (isUnmeasured && keepsBest && trainer.stepsDone >= steps) {
      // The last weights may be the best ones.
      report.measured(await trainer.evaluate());
      saved = NaN;
    }
    if (saved !== trainer.stepsDone) await save();
    if (trainer.stopped) {
      terminal.note(
        `Stopped after step ${trainer.stepsDone}: no better weights in ${settings.patience} evaluation${settings.patience === 1 ? '' : 's'}.`,
      );
    }
    return interruption.requested && trainer.stepsDone < steps && !trainer.stopped;
  } finally {
    interruption.end();
  }
}
