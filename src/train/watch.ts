// Watches for failures that a loss does not show: a GAN whose samples are all alike, or whose discriminator always wins.

import type { Tensor } from '../core/tensor.ts';
import { div, maximum } from '../ops/elementwise/binary.ts';
import { mean } from '../ops/reductions/reduce.ts';
import { variance } from '../ops/reductions/statistics.ts';
import type { Watch } from './failures.ts';
import type { StepResult } from './result.ts';

/**
 * How much the samples `[B, …]` of a batch differ, from 0 (all alike) to about 1: the mean variance of an element over the
 * batch, by that of all elements. It does not depend on the samples' scale. An output of a generator's task, for `watchOutput`.
 */
export function diversity(samples: Tensor): Tensor {
  const amongSamples = mean(variance(samples, 0, { correction: 0 }));
  return div(amongSamples, maximum(variance(samples, undefined, { correction: 0 }), 1e-12));
}

/** What `watchOutput` looks at. */
export interface WatchOutputOptions {
  /** A run's only phase need not be named. */
  readonly phase?: string;
  /** A task's output of one element: `loss` by default. */
  readonly output?: string;
  /** The output is bad below, or above, this. */
  readonly below?: number;
  readonly above?: number;
  /** Steps in a row in which it must be bad; 50 by default. */
  readonly steps?: number;
  /** What that means, for the error. */
  readonly meaning: string;
}

/**
 * Fails a run, by a CollapsedError, when an output of a phase has been bad for many steps in a row. The count starts anew
 * then, and in a resumed run.
 */
export function watchOutput(options: WatchOutputOptions): Watch {
  const { phase, output = 'loss', below = -Infinity, above = Infinity, steps = 50, meaning } = options;
  let bad = 0;
  return ({ phases }: StepResult) => {
    const name = phase ?? Object.keys(phases)[0];
    const result = phases[name];
    // Not every phase has its turn in every step.
    if (!result) return null;
    const values = result.outputs[output]?.data;
    if (values?.length !== 1) {
      const found = Object.keys(result.outputs).join(', ');
      throw new Error(`watchOutput: phase ${name} has no output ${output} of one element; its outputs are ${found}.`);
    }
    const [value] = values;
    bad = value < below || value > above ? bad + 1 : 0;
    if (bad < steps) return null;
    bad = 0;
    const limit = value < below ? `below ${below}` : `above ${above}`;
    return `the ${output} of phase ${name} has been ${limit} for ${steps} steps (now ${value.toPrecision(3)}): ${meaning}`;
  };
}
