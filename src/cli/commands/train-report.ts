// What `five-tigers train` prints: lines and a progress bar for people, or one JSON object per line.

import { profileTable, type MeasuredProfile } from '../ui/profile.ts';
import type { ModelEntry } from '../../../models/index.ts';
import type { EvaluationResult } from '../../node.ts';
import { describeMetrics } from './eval.ts';
import type { CliSettings } from './train-settings.ts';
import { grouped, showProgress, type ProgressReport, type Terminal } from '../ui/terminal.ts';

/** What is known when a run starts. */
export interface Started {
  readonly settings: CliSettings;
  /** A summary of the training data. */
  readonly data: string;
  readonly adapter: string;
  readonly parameters: number;
  readonly stepsPerEpoch: number;
  /** Of the whole run. */
  readonly steps: number;
  /** Steps already done, if the run is resumed; 0 for a new one. */
  readonly step: number;
}

/** One training step. */
export interface TrainedStep {
  /** From 1. */
  readonly step: number;
  readonly epoch: number;
  /** Mean over the batch, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** What else the task computes per batch, such as accuracy. */
  readonly measures: Readonly<Record<string, number>>;
}

/** The result of a run. */
export interface Trained {
  readonly model: string;
  readonly config: string;
  readonly step: number;
  /** The step of the saved weights, if the best were kept. */
  readonly bestStep?: number;
  /** On the held-out data. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly count: number;
  readonly adapter: string;
  /** From the first step to the end of the evaluation. */
  readonly seconds: number;
  readonly weights: string;
  readonly checkpoint: string;
}

/** Reports a run as it progresses. */
export interface TrainReport {
  /** GPU pipelines are being compiled. */
  preparing(done: number, total: number): void;
  started(run: Started): void;
  step(step: TrainedStep): void;
  saved(step: number, checkpoint: string): void;
  /** An evaluation on the held-out data is running. */
  measuring(done: number, count: number): void;
  measured(evaluation: EvaluationResult): void;
  finished(result: Trained): void;
  /** How the time of a step is spent. */
  profiled(profile: MeasuredProfile): void;
  /** Ends the progress bar's line; nothing more follows. */
  close(): void;
}

/** One JSON object per line, on stdout. */
export function jsonReport(terminal: Terminal): TrainReport {
  const print = (event: string, values: object) => terminal.result(JSON.stringify({ event, ...values }));
  return {
    preparing() {},
    started: (run) => print('start', run),
    step: ({ measures, ...step }) => print('step', { ...step, ...measures }),
    saved: (step, checkpoint) => print('checkpoint', { step, checkpoint }),
    measuring() {},
    measured: (evaluation) => print('evaluation', evaluation),
    finished: (result) => print('result', result),
    profiled: (profile) => print('profile', profile),
    close() {},
  };
}

/** What a progress bar shows: an epoch, by its number, or something else. */
type Part = number | `kernels ${number}` | 'held-out';

/** For people: progress on stderr, the result on stdout. */
export function textReport(terminal: Terminal, { evaluate }: ModelEntry): TrainReport {
  let run: Started;
  let epochs = 0;
  let progress: { readonly report: ProgressReport; readonly part: Part } | null = null;
  let [sums, counted]: [Record<string, number>, number] = [{}, 0];
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
    // Each phase compiles its own programs.
    preparing: (done, total) => progressOf(`kernels ${total}`, 'kernels compiled', total).update(done),
    started(about) {
      close();
      run = about;
      const { model, config, batchSize, optimizer, learningRate, schedule } = about.settings;
      epochs = Math.ceil(about.steps / about.stepsPerEpoch);
      terminal.note(
        `Training ${model} (${config}, ${grouped(about.parameters)} parameters) on ${about.adapter}\n` +
          `${about.data}; ${grouped(about.steps)} steps, ${grouped(about.stepsPerEpoch)} per epoch, ` +
          `batch size ${batchSize}; ${optimizer}, learning rate ${learningRate} (${schedule})` +
          (about.step > 0 ? `\nResuming after step ${grouped(about.step)}` : ''),
      );
    },
    step({ step, epoch, loss, measures }) {
      const { stepsPerEpoch } = run;
      if (progress?.part !== epoch) [sums, counted] = [{}, 0];
      const report = progressOf(epoch, `epoch ${epoch}/${epochs}`, stepsPerEpoch);
      counted++;
      const means = Object.entries({ loss, ...measures }).map(([name, value]) => {
        sums[name] = (sums[name] ?? 0) + value;
        return describeMetrics({ [name]: sums[name] / counted }, evaluate?.metrics ?? {});
      });
      report.update(step - (epoch - 1) * stepsPerEpoch, means.join('  '));
    },
    saved() {},
    measuring: (done, count) => progressOf('held-out', evaluate!.unit, count).update(done),
    measured({ step, metrics, isBest }) {
      close();
      const best = isBest ? ', the best so far' : '';
      terminal.note(`step ${grouped(step)}: ${describeMetrics(metrics, evaluate!.metrics)} on held-out data${best}`);
    },
    finished({ model, metrics, count, step, bestStep = step, weights, checkpoint }) {
      close();
      const measured = evaluate
        ? `${describeMetrics(metrics, evaluate.metrics)} (${grouped(count)} ${evaluate.unit})`
        : 'trained';
      terminal.result(
        `${model}: ${measured} after ${grouped(step)} steps${bestStep === step ? '' : ` (best weights: step ${grouped(bestStep)})`}\n` +
          `Weights:    ${weights}\n` +
          `Checkpoint: ${checkpoint}`,
      );
    },
    profiled: (profile) => terminal.result(`\n${profileTable(profile)}`),
    close,
  };
}
