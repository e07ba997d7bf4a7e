// What a step of a run gives to whoever asked for it.

import type { EvaluationResult } from './evaluation.ts';
import type { PhaseResult } from './phase.ts';

/** What one step gave. */
export interface StepResult {
  /** How many steps are done, this one included. */
  readonly step: number;
  /** What each phase gave that had its turn. */
  readonly phases: Readonly<Record<string, PhaseResult>>;
  /** What was measured after this step, where an evaluation was due. */
  readonly evaluation?: EvaluationResult;
}

/** What one step of a run of one phase gave: that phase's result, too. */
export type SingleStepResult = StepResult & PhaseResult;
