// Watches for failures that the loss does not show: a GAN with identical samples, or a discriminator that always wins.

import type { Tensor } from '../core/tensor.ts';
import { div, maximum } from '../ops/elementwise/binary.ts';
import { mean } from '../ops/reductions/reduce.ts';
import { variance } from '../ops/reductions/statistics.ts';
import type { Watch } from './failures.ts';
import type { StepResult } from './result.ts';

/**
 * The diversity of a batch of samples `[B, …]`, from 0 (identical) to about 1: the mean variance of an element over the batch,
 * divided by the variance of all elements, so independent of scale. Return it from a generator's task for `watchOutput`.
 */
export function diversity(samples: Tensor): Tensor {
  const amongSamples = mean(variance(samples, 0, { correction: 0 }));
  return div(amongSamples, maximum(variance(samples, undefined, { correction: 0 }), 1e-12));
}

/** Options of `watchOutput`. */
export interface WatchOutputOptions {
  /** May be omitted in a single-phase run. */
  readonly phase?: string;
  /** A scalar output of the task (default `loss`). */
  readonly output?: string;
  /** The output is bad below or above these limits. */
  readonly below?: number;
  readonly above?: number;
  /** Consecutive bad steps before failing (default 50). */
  readonly steps?: number;
  /** What this means, for the error message. */
  readonly meaning: string;
}

/**
 * Fails a run with a CollapsedError when an output of a phase was bad for many consecutive steps. The count then restarts, as
 * it does in a resumed run.
 */
export function watchOutput(options: WatchOutputOptions): Watch {
  const { phase, output = 'loss', below = -Infinity, above = Infinity, steps = 50, meaning } = options;
  let bad = 0;
  return ({ phases }: StepResult) => {
    const name = phase ?? Object.keys(phases)[0];
    const result = phases[name];
    // Not every phase runs in every step.
    if (!result) return null;
    const values = result.outputs[output]?.data;
    if (values?.length !== 1) {
      const found = Object.keys(result.outputs).join(', ');
      throw new Error(`watchOutput: phase ${name} has no scalar output ${output}; its outputs are ${found}.`);
    }
    const [value] = values;
    bad = value < below || value > above ? bad + 1 : 0;
    if (bad < steps) return null;
    bad = 0;
    const limit = value < below ? `below ${below}` : `above ${above}`;
    return `the ${output} of phase ${name} has been ${limit} for ${steps} steps (now ${value.toPrecision(3)}): ${meaning}`;
  };
}
