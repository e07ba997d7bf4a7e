// The result types of a training step.

import type { EvaluationResult } from './evaluation.ts';
import type { PhaseResult } from './phase.ts';

/** The result of a step. */
export interface StepResult {
  /** Steps done, including this one. */
  readonly step: number;
  /** The results of the phases that ran. */
  readonly phases: Readonly<Record<string, PhaseResult>>;
  /** The evaluation after this step, if one was due. */
  readonly evaluation?: EvaluationResult;
}

/** The result of a step of a single-phase run, including the phase's result. */
export type SingleStepResult = StepResult & PhaseResult;
