// What a run is made of.

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
   * All that the run trains or changes, by the names under which checkpoints keep it: modules, running means of weights, and
   * objects of your own with state(). A WeightAverage follows the last phase that trains what it averages.
   */
  readonly state: Named<Stateful>;
  /** The batches of all phases that have none of their own; without it they are empty. */
  readonly data?: BatchSource;
  /** Opens the device to train on; called again when the device is lost. */
  readonly openDevice: () => Promise<Device>;
  /** Seed of random ops such as dropout. */
  readonly seed?: number;
  /** Micro-batches in a step: its gradient is the mean of theirs. Step 0 takes batches 0 … accumulate - 1. */
  readonly accumulate?: number;
  /** Measures the run as it goes on, and keeps the best weights. */
  readonly evaluate?: EvaluateOptions;
  /** Looks at each step for signs of a failure; a text that it returns is thrown as a CollapsedError. */
  readonly watch?: readonly Watch[];
  /** Steps between copies of the state to the host: at most so many are repeated after a lost device. */
  readonly snapshotEvery?: number;
  /** What the run was started with: kept in its checkpoints for whoever resumes. */
  readonly settings?: Settings;
  /** Called as GPU pipelines become ready. */
  readonly onProgress?: Progress;
  /** Trains in time slices of about so many milliseconds, between which a page can use the GPU: see `LoadOptions`. */
  readonly timeSliceMilliseconds?: number;
  /** Called when a lost device has been replaced, with the reason of the loss. */
  readonly onRecovered?: (reason: string) => void;
}

/** A run of one phase. */
export type TrainerOptions = RunOptions & PhaseOptions;

/** A run of several phases, which take their turns in this order in each step. */
export type PhasedTrainerOptions = RunOptions & { readonly phases: Named<PhaseOptions> };
