// Held-out evaluation during a run: the best weights so far, and when to stop because they get no better.

import type { Device } from '../backends/device.ts';
import type { Values } from './run-state.ts';

/** Numbers by name, such as `{ accuracy: 0.99 }`. */
export type Metrics = Readonly<Record<string, number>>;

/** How a run is evaluated while it goes on. */
export interface EvaluateOptions {
  /** Steps from one evaluation to the next. */
  readonly every: number;
  /** Measures the run as it is, on data that it is not trained on. Whatever it changes of the state, it must put back. */
  measure(device: Device): Promise<Metrics>;
  /** Which weights are kept: those with the lowest, or the highest, of one metric. */
  readonly best?: { readonly metric: string; readonly better: 'lower' | 'higher' };
  /** Evaluations without a new best after which the run should stop: `Trainer.stopped` is then true. */
  readonly patience?: number;
}

/** What an evaluation gave. */
export interface EvaluationResult {
  /** Steps done then. */
  readonly step: number;
  readonly metrics: Metrics;
  /** Whether no evaluation before was as good. */
  readonly isBest: boolean;
}

/** The best weights of a run. */
export interface Best {
  readonly step: number;
  readonly metrics: Metrics;
  /** The values of each entry of the run's state at that step; optimizers are not among them. */
  readonly state: Readonly<Record<string, Values>>;
}

/** How far the evaluations of a run have come: part of its checkpoints. */
export interface EvaluationProgress {
  readonly best: Best | null;
  /** Evaluations since the best one. */
  readonly sinceBest: number;
}

/** Checks the options. @throws an Error that says what is wrong with them. */
export function checkEvaluate({ every, best, patience }: EvaluateOptions): void {
  const count = (name: string, value: number) => {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new Error(`Trainer: evaluate.${name} must be an integer of at least 1, but is ${value}.`);
    }
  };
  count('every', every);
  if (patience === undefined) return;
  count('patience', patience);
  if (!best) throw new Error('Trainer: evaluate.patience needs evaluate.best, to know what better means.');
}

/**
 * Whether `metrics` are the best so far. A metric that is not finite is never best.
 * @throws an Error that names the metrics there are, where the one that decides is missing.
 */
export function isBetter({ best }: EvaluateOptions, metrics: Metrics, before: Best | null): boolean {
  if (!best) return false;
  const { metric, better } = best;
  const value = metrics[metric];
  if (typeof value !== 'number') {
    const found = Object.keys(metrics).join(', ') || 'none';
    throw new Error(`Trainer: evaluate.best needs the metric ${metric}, but measure() gave ${found}.`);
  }
  if (!Number.isFinite(value)) return false;
  const old = before?.metrics[metric];
  return old === undefined || (better === 'lower' ? value < old : value > old);
}
