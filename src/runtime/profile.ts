// Where a program's time goes: each step's time, share, arithmetic and traffic, and the same as a Chrome trace.

import type { Timing } from '../backends/device.ts';
import type { TensorSpec } from '../core/tensor.ts';
import type { Outputs } from './compile.ts';
import { describeStep, type StepCosts } from './describe.ts';
import type { InputValues, Program } from './program.ts';

/** One step of a program, measured. */
export interface ProfileRow extends StepCosts {
  /** Where the step stands in the plan. */
  readonly step: number;
  /** Names of its kernels, in order. */
  readonly kernels: readonly string[];
  /** Median over the runs, in milliseconds, of all its kernels together. */
  readonly milliseconds: number;
  /** Its part of the time of all steps, from 0 to 1. */
  readonly share: number;
}

/** A program's time, step by step. */
export interface Profile {
  /** Whose clock measured: the host's also counts the way to the GPU and back. */
  readonly clock: Timing['clock'];
  readonly runs: number;
  /** Sum of the rows, in milliseconds; a real run overlaps and is no longer than that. */
  readonly milliseconds: number;
  /** In order of execution. */
  readonly rows: readonly ProfileRow[];
}

/** Times `program` step by step over `runs` runs, after one that is not counted. Parameters change as in any run. */
export async function profile<S extends Readonly<Record<string, TensorSpec>>, O extends Outputs>(
  program: Program<S, O>,
  inputs: InputValues<S>,
  { runs = 5 }: { readonly runs?: number } = {},
): Promise<Profile> {
  if (!(Number.isInteger(runs) && runs > 0))
    throw new Error(`profile: runs must be a whole number above 0, not ${runs}.`);
  await program.time(inputs);
  const timings: Timing[] = [];
  for (let run = 0; run < runs; run++) timings.push(await program.time(inputs));
  const steps = [...new Set(timings[0].dispatches.map(({ step }) => step))];
  const times = steps.map((step) => median(timings.map((timing) => timeOf(timing, step))));
  const total = times.reduce((sum, time) => sum + time, 0);
  const rows = steps.map((step, i) => ({
    ...describeStep(program.plan.steps[step]),
    step,
    kernels: timings[0].dispatches.filter((one) => one.step === step).map(({ kernel }) => kernel),
    milliseconds: times[i],
    share: total > 0 ? times[i] / total : 0,
  }));
  return { clock: timings[0].clock, runs, milliseconds: total, rows };
}

const timeOf = ({ dispatches }: Timing, step: number): number =>
  dispatches.reduce((sum, one) => sum + (one.step === step ? one.milliseconds : 0), 0);

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The profile in Chrome's trace format (chrome://tracing, Perfetto): the steps one after the other. */
export function chromeTrace({ rows }: Profile): object {
  let start = 0;
  const traceEvents = rows.map(({ step, kernels, outputs, milliseconds, flops, bytes }) => {
    const event = { name: kernels.join(' '), ph: 'X', pid: 1, tid: 1, ts: start * 1e3, dur: milliseconds * 1e3 };
    start += milliseconds;
    return { ...event, args: { step, outputs, flops, bytes } };
  });
  return { traceEvents, displayTimeUnit: 'ms' };
}
