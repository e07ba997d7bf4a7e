// The training run of `five-tigers train`: made anew or from a checkpoint, and carried on step by step.

import { setImmediate } from 'node:timers/promises';
import type { ModelEntry } from '../../models/index.ts';
import {
  decodeCheckpoint,
  digitBatches,
  loadMnist,
  manualSeed,
  readFileOrExplain,
  Trainer,
  type DigitBatches,
  type Layer,
} from '../node.ts';
import { describeDevice, openWithNews, type DeviceOptions } from './device.ts';
import { countRight } from './digits.ts';
import { watchInterruption } from './interruption.ts';
import {
  digest,
  newSettings,
  optimizers,
  resumedSettings,
  schedules,
  type GivenSettings,
  type RunSettings,
} from './settings.ts';
import type { Terminal } from './terminal.ts';
import type { TrainReport } from './train-report.ts';
import { buildModel } from './weights.ts';

/** Options that a run is made from. */
export interface StartOptions extends GivenSettings, DeviceOptions {
  readonly data: string;
  readonly resume?: string;
}

/** A run with all that it consists of. */
export interface Run {
  readonly settings: RunSettings;
  readonly model: Layer;
  readonly batches: DigitBatches;
  readonly trainer: Trainer;
  /** The labels of the batch that was trained on last. */
  readonly labels: () => Int32Array;
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
  name: string,
  entry: ModelEntry,
  options: StartOptions,
  report: TrainReport,
  terminal: Terminal,
): Promise<Run> {
  const started = options.resume ? await readCheckpoint(options.resume) : null;
  const images = await loadMnist(options.data, 'train');
  const settings = started
    ? resumedSettings(options.resume!, started.settings, name, options, digest(images))
    : newSettings(name, entry, options, digest(images));
  const { batch, seed, augment } = settings;
  const batches = digitBatches(images, { batchSize: batch, seed, augment: augment ?? undefined });
  let labels: Int32Array = new Int32Array();
  const data = {
    specs: batches.specs,
    batch: (step: number) => {
      const made = batches.batch(step);
      labels = made.label;
      return made;
    },
  };
  manualSeed(seed);
  const model = buildModel(entry, settings.config);
  const trainer = await Trainer.create({
    model,
    optimizer: optimizers[settings.optimizer](model.parameters(), settings.lr),
    data,
    task: entry.task(model),
    openDevice: () => openWithNews(options, terminal),
    seed,
    settings,
    onProgress: (done, total) => report.preparing(done, total),
    onRecovered: (reason) => terminal.news(`The GPU was lost (${reason}). Another one goes on; nothing is lost.`),
  });
  if (started) trainer.restore(started.bytes);
  return { settings, model, batches, trainer, labels: () => labels };
}

/** Trains to the end of the run or step `lastStep`, saving after each epoch. True when the user has interrupted it. */
export async function trainSteps(
  { settings, model, batches, trainer, labels }: Run,
  lastStep: number,
  save: () => Promise<void>,
  report: TrainReport,
  terminal: Terminal,
): Promise<boolean> {
  const { stepsPerEpoch } = batches;
  const steps = settings.epochs * stepsPerEpoch;
  const schedule = schedules[settings.schedule](settings.lr, steps);
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
  report.started({
    settings,
    adapter: describeDevice(trainer.device),
    parameters,
    stepsPerEpoch,
    step: trainer.stepsDone,
  });
  const interruption = watchInterruption(() =>
    terminal.news('\nFinishing the step to save it; once more to stop at once.'),
  );
  let saved = NaN;
  try {
    while (trainer.stepsDone < Math.min(steps, lastStep) && !interruption.requested) {
      const learningRate = schedule(trainer.stepsDone);
      trainer.optimizer.learningRate.value = learningRate;
      const { step, loss, outputs } = await trainer.step();
      const accuracy = countRight(outputs.logits.data, labels()) / settings.batch;
      report.step({ step, epoch: Math.ceil(step / stepsPerEpoch), loss, accuracy, learningRate });
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
