// Training failures: divergence, and collapse as seen by a watch.

import type { StepResult } from './result.ts';

/** The details of a DivergedError. */
export interface Divergence {
  /** The phase at fault; null in a single-phase run. */
  readonly phase: string | null;
  /** The step that failed, counted from 1. */
  readonly step: number;
  /** The loss or gradient norm that was not finite. */
  readonly loss?: number;
  readonly gradientNorm?: number;
  /** The step whose weights were restored. */
  readonly restoredStep: number;
  /** The step of the best weights. */
  readonly bestStep?: number;
}

/** A loss or gradient norm was not finite. The last good weights were restored. */
export class DivergedError extends Error {
  readonly phase: string | null;
  readonly step: number;
  readonly restoredStep: number;

  constructor({ phase, step, loss, gradientNorm, restoredStep, bestStep }: Divergence) {
    const what = loss === undefined ? 'the gradient norm' : 'the loss';
    const best = bestStep === undefined ? '' : ` The best weights (step ${bestStep}) are kept.`;
    super(
      `Training diverged: ${what} of ${phase === null ? '' : `phase ${phase} in `}step ${step} is ${loss ?? gradientNorm}. ` +
        `The weights of step ${restoredStep} were restored; continue with a lower learning rate.${best}`,
    );
    this.name = 'DivergedError';
    this.phase = phase;
    this.step = step;
    this.restoredStep = restoredStep;
  }
}

/** A watch detected a failure that the loss does not show, such as a GAN's collapse. The run can still continue. */
export class CollapsedError extends Error {
  /** The watch's reason. */
  readonly reason: string;
  /** The step after which it was detected. */
  readonly step: number;

  constructor(reason: string, step: number, bestStep?: number) {
    const best = bestStep === undefined ? '' : ` The best weights (step ${bestStep}) are kept.`;
    super(`Training collapsed at step ${step}: ${reason}.${best}`);
    this.name = 'CollapsedError';
    this.reason = reason;
    this.step = step;
  }
}

/** Checks each step of a run; returns what is wrong, or null. */
export type Watch = (result: StepResult) => string | null;
