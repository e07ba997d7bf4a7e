// What `five-tigers train` tells: lines and a bar for people, or a JSON object a line.

import { profileTable, type MeasuredProfile } from './profile.ts';
import type { RunSettings } from './settings.ts';
import { grouped, percent, showProgress, type ProgressReport, type Terminal } from './terminal.ts';

/** How a run begins. */
export interface Started {
  readonly settings: RunSettings;
  readonly adapter: string;
  readonly parameters: number;
  readonly stepsPerEpoch: number;
  /** Steps already done by the run that is resumed; 0 for a new one. */
  readonly step: number;
}

/** One training step. */
export interface TrainedStep {
  /** From 1. */
  readonly step: number;
  readonly epoch: number;
  /** Mean over the batch, before the step. */
  readonly loss: number;
  /** Share of the batch that was told right. */
  readonly accuracy: number;
  readonly learningRate: number;
}

/** How a run ends. */
export interface Trained {
  readonly model: string;
  readonly config: string;
  readonly step: number;
  /** On the test images. */
  readonly accuracy: number;
  readonly count: number;
  readonly adapter: string;
  /** From the first step to the last evaluated image. */
  readonly seconds: number;
  readonly weights: string;
  readonly checkpoint: string;
}

/** The story of a run, told as it happens. */
export interface TrainReport {
  /** GPU pipelines are compiled. */
  preparing(done: number, total: number): void;
  started(run: Started): void;
  step(step: TrainedStep): void;
  saved(step: number, checkpoint: string): void;
  evaluated(done: number, count: number): void;
  finished(result: Trained): void;
  /** Where the time of a step goes. */
  profiled(profile: MeasuredProfile): void;
  /** No more is told: the bar's line ends. */
  close(): void;
}

/** One JSON object a line, on stdout. */
export function jsonReport(terminal: Terminal): TrainReport {
  const tell = (event: string, values: object) => terminal.result(JSON.stringify({ event, ...values }));
  return {
    preparing() {},
    started: (run) => tell('start', run),
    step: (step) => tell('step', step),
    saved: (step, checkpoint) => tell('checkpoint', { step, checkpoint }),
    evaluated() {},
    finished: (result) => tell('result', result),
    profiled: (profile) => tell('profile', profile),
    close() {},
  };
}

/** What a bar is for: an epoch by its number, or something else. */
type Part = number | 'kernels' | 'test';

/** For people: progress on stderr, the result on stdout. */
export function textReport(terminal: Terminal): TrainReport {
  let run: Started;
  let progress: { readonly report: ProgressReport; readonly part: Part } | null = null;
  let sums = { loss: 0, accuracy: 0, steps: 0 };
  const close = () => {
    progress?.report.stop();
    progress = null;
  };
  const progressOf = (part: Part, title: string, total: number): ProgressReport => {
    if (progress?.part !== part) {
      close();
      progress = { part, report: showProgress(terminal, title, total) };
    }
    return progress!.report;
  };
  return {
    preparing: (done, total) => progressOf('kernels', 'kernels compiled', total).update(done),
    started(about) {
      close();
      run = about;
      const { model, config, epochs, batch, optimizer, lr, schedule, augment } = about.settings;
      terminal.news(
        `Training ${model} (${config}, ${grouped(about.parameters)} parameters) on ${about.adapter}\n` +
          `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} of ${grouped(about.stepsPerEpoch)} steps, batch ${batch}, ${augment ? '' : 'not '}augmented; ` +
          `${optimizer}, learning rate ${lr} (${schedule})` +
          (about.step > 0 ? `\nGoing on after step ${grouped(about.step)}` : ''),
      );
    },
    step({ step, epoch, loss, accuracy }) {
      const { stepsPerEpoch, settings } = run;
      if (progress?.part !== epoch) sums = { loss: 0, accuracy: 0, steps: 0 };
      const report = progressOf(epoch, `epoch ${epoch}/${settings.epochs}`, stepsPerEpoch);
      sums = { loss: sums.loss + loss, accuracy: sums.accuracy + accuracy, steps: sums.steps + 1 };
      const means = `loss ${(sums.loss / sums.steps).toFixed(4)}  accuracy ${percent(sums.accuracy / sums.steps)}`;
      report.update(step - (epoch - 1) * stepsPerEpoch, means);
    },
    saved() {},
    evaluated: (done, count) => progressOf('test', 'test images', count).update(done),
    finished({ model, accuracy, count, step, weights, checkpoint }) {
      close();
      terminal.result(
        `${model} tells ${percent(accuracy)} of ${grouped(count)} test images right after ${grouped(step)} steps.\n` +
          `Weights:    ${weights}\n` +
          `Checkpoint: ${checkpoint}`,
      );
    },
    profiled: (profile) => terminal.result(`\n${profileTable(profile)}`),
    close,
  };
}
