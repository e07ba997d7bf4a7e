// Held-out evaluation during a run: the best weights so far, and early stopping.

import type { Device } from '../backends/device.ts';
import type { Values } from './run-state.ts';

/** Numbers by name, such as `{ accuracy: 0.99 }`. */
export type Metrics = Readonly<Record<string, number>>;

/** Options for evaluation during a run. */
export interface EvaluateOptions {
  /** Steps between evaluations. */
  readonly every: number;
  /** Measures the current state on held-out data. It must restore any state that it changes. */
  measure(device: Device): Promise<Metrics>;
  /** Keeps the weights with the lowest or highest value of this metric. */
  readonly best?: { readonly metric: string; readonly better: 'lower' | 'higher' };
  /** Early stopping: evaluations without a new best after which `Trainer.stopped` is true. */
  readonly patience?: number;
}

/** The result of an evaluation. */
export interface EvaluationResult {
  /** The number of steps done. */
  readonly step: number;
  readonly metrics: Metrics;
  /** Whether it is better than all earlier evaluations. */
  readonly isBest: boolean;
}

/** The best weights of a run. */
export interface Best {
  readonly step: number;
  readonly metrics: Metrics;
  /** The values of each state entry at that step, without optimizers. */
  readonly state: Readonly<Record<string, Values>>;
}

/** The evaluation state in a checkpoint. */
export interface EvaluationProgress {
  readonly best: Best | null;
  /** Evaluations since the best one. */
  readonly sinceBest: number;
}

/** @throws an Error for invalid options. */
export function checkEvaluate({ every, best, patience }: EvaluateOptions): void {
  const count = (name: string, value: number) => {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new Error(`Trainer: evaluate.${name} must be an integer of at least 1, but is ${value}.`);
    }
  };
  count('every', every);
  if (patience === undefined) return;
  count('patience', patience);
  if (!best) throw new Error('Trainer: evaluate.patience needs evaluate.best to define what is better.');
}

/**
 * Whether `metrics` are the best so far. A non-finite value is never best.
 * @throws an Error that lists the available metrics if the one in `best` is missing.
 */
export function isBetter({ best }: EvaluateOptions, metrics: Metrics, before: Best | null): boolean {
  if (!best) return false;
  const { metric, better } = best;
  const value = metrics[metric];
  if (typeof value !== 'number') {
    const found = Object.keys(metrics).join(', ') || 'none';
    throw new Error(`Trainer: evaluate.best needs the metric ${metric}, but measure() returned ${found}.`);
  }
  if (!Number.isFinite(value)) return false;
  const old = before?.metrics[metric];
  return old === undefined || (better === 'lower' ? value < old : value > old);
}
