// Options of a training run.

import type { Device, Progress } from '../backends/device.ts';
import type { BatchSource } from './batches.ts';
import type { EvaluateOptions } from './evaluation.ts';
import type { Watch } from './failures.ts';
import type { PhaseOptions } from './phase.ts';
import type { Stateful } from './run-state.ts';
import type { Settings } from './settings.ts';

type Named<T> = Readonly<Record<string, T>>;

/** Options of every run. */
export interface RunOptions {
  /**
   * Everything the run trains or changes, by its name in checkpoints: modules, weight averages, and your own objects with
   * state(). A WeightAverage is updated after the last phase that trains its parameters.
   */
  readonly state: Named<Stateful>;
  /** The batches of all phases without `data` of their own; empty by default. */
  readonly data?: BatchSource;
  /** Opens the device to train on; called again after a device loss. */
  readonly openDevice: () => Promise<Device>;
  /** Seed for random ops such as dropout. */
  readonly seed?: number;
  /** Gradient accumulation: micro-batches per step, whose gradients are averaged. Step 0 takes batches 0 … accumulate - 1. */
  readonly accumulate?: number;
  /** Evaluates during the run and keeps the best weights. */
  readonly evaluate?: EvaluateOptions;
  /** Checks each step for failures; a returned reason is thrown as a CollapsedError. */
  readonly watch?: readonly Watch[];
  /** Steps between snapshots of the state on the host: at most this many are repeated after a device loss. */
  readonly snapshotEvery?: number;
  /** The run's settings, stored in its checkpoints for the code that resumes it. */
  readonly settings?: Settings;
  /** Called as GPU pipelines are compiled. */
  readonly onProgress?: Progress;
  /** Splits GPU work into slices of about this many milliseconds, so that a page can use the GPU in between: see `LoadOptions`. */
  readonly timeSliceMilliseconds?: number;
  /** Called with the reason after a lost device was replaced. */
  readonly onRecovered?: (reason: string) => void;
}

/** Options of a single-phase run. */
export type TrainerOptions = RunOptions & PhaseOptions;

/** Options of a run with several phases, which run in this order in each step. */
export type PhasedTrainerOptions = RunOptions & { readonly phases: Named<PhaseOptions> };
