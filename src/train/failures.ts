// How training fails: a loss that is no longer a number, and outputs that have become all alike.

import type { StepResult } from './result.ts';

/** What a DivergedError says. */
export interface Divergence {
  /** The phase at fault; null in a run of one phase. */
  readonly phase: string | null;
  /** The step that failed, counted from 1. */
  readonly step: number;
  /** What was not finite. */
  readonly loss?: number;
  readonly gradientNorm?: number;
  /** The step whose weights the models now hold. */
  readonly restoredStep: number;
  /** The step of the best weights, which are kept. */
  readonly bestStep?: number;
}

/** A loss, or the norm of the gradients, stopped being a number. The models hold the last good weights again. */
export class DivergedError extends Error {
  readonly phase: string | null;
  readonly step: number;
  readonly restoredStep: number;

  constructor({ phase, step, loss, gradientNorm, restoredStep, bestStep }: Divergence) {
    const what = loss === undefined ? `the norm of the gradients` : 'the loss';
    const best = bestStep === undefined ? '' : ` The best weights, of step ${bestStep}, are kept.`;
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

/** A watch saw a failure that no loss shows, such as a GAN's collapse. The run can go on nevertheless. */
export class CollapsedError extends Error {
  /** What was seen. */
  readonly reason: string;
  /** The step after which it was seen. */
  readonly step: number;

  constructor(reason: string, step: number, bestStep?: number) {
    const best = bestStep === undefined ? '' : ` The best weights, of step ${bestStep}, are kept.`;
    super(`Training collapsed: step ${step}: ${reason}.${best}`);
    this.name = 'CollapsedError';
    this.reason = reason;
    this.step = step;
  }
}

/** Looks at each step of a run; returns what is wrong with it, or null. */
export type Watch = (result: StepResult) => string | null;
