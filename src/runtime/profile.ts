// Profiles programs: time, share, arithmetic and memory traffic of each step, also as a Chrome trace.

import type { Timing } from '../backends/device.ts';
import type { TypedArray } from '../core/dtype.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';
import { stepCosts, type StepCosts } from './inspect.ts';
import type { InputValues, Program } from './program.ts';

/** One step of a program, measured. */
export interface ProfileRow extends StepCosts {
  /** Name of the program, if the profile covers several. */
  readonly program?: string;
  /** Index of the step in the plan. */
  readonly step: number;
  /** Names of its kernels, in order. */
  readonly kernels: readonly string[];
  /** Median over the runs, in milliseconds, of all its kernels together. */
  readonly milliseconds: number;
  /** Fraction of the time of all steps, from 0 to 1. */
  readonly share: number;
}

/** The time of a program, or of several, step by step. */
export interface Profile {
  /** The clock used: the CPU's (`host`) includes the round trip to the GPU. */
  readonly clock: Timing['clock'];
  readonly runs: number;
  /** Sum of the rows, in milliseconds: an upper bound for a real run, whose steps overlap. */
  readonly milliseconds: number;
  /** In order of execution. */
  readonly rows: readonly ProfileRow[];
}

/** How a program is profiled. */
export interface ProfileOptions {
  /** Measured runs, at least 1. */
  readonly runs?: number;
  /** Name of the program in the rows. */
  readonly name?: string;
}

/** The part of a program that a profile needs. */
export type TimedProgram<S extends Readonly<Record<string, TensorSpec>>> = Pick<Program<S, Tensor>, 'plan' | 'time'>;

/** Called with a program that has run and its inputs, for instance to profile it. */
export type OnProgram = (
  program: TimedProgram<Readonly<Record<string, TensorSpec>>>,
  inputs: Readonly<Record<string, TypedArray>>,
  name: string,
) => Promise<void>;

/** Times `program` step by step over `runs` runs, after one warm-up run. Parameters change as in any run. */
export async function profile<S extends Readonly<Record<string, TensorSpec>>>(
  program: TimedProgram<S>,
  inputs: InputValues<S>,
  { runs = 5, name }: ProfileOptions = {},
): Promise<Profile> {
  if (!(Number.isInteger(runs) && runs > 0))
    throw new Error(`profile: runs must be an integer of at least 1, not ${runs}.`);
  await program.time(inputs);
  const timings: Timing[] = [];
  for (let run = 0; run < runs; run++) timings.push(await program.time(inputs));
  const steps = [...new Set(timings[0].dispatches.map(({ step }) => step))];
  const times = steps.map((step) => median(timings.map((timing) => timeOf(timing, step))));
  const total = times.reduce((sum, time) => sum + time, 0);
  const rows = steps.map((step, i) => ({
    ...stepCosts(program.plan.steps[step]),
    ...(name === undefined ? {} : { program: name }),
    step,
    kernels: timings[0].dispatches.filter((one) => one.step === step).map(({ kernel }) => kernel),
    milliseconds: times[i],
    share: total > 0 ? times[i] / total : 0,
  }));
  return { clock: timings[0].clock, runs, milliseconds: total, rows };
}

/** Merges profiles of one device, with shares of the total. */
export function mergeProfiles(profiles: readonly Profile[]): Profile {
  const milliseconds = profiles.reduce((sum, one) => sum + one.milliseconds, 0);
  const rows = profiles.flatMap((one) => one.rows);
  return {
    clock: profiles.some(({ clock }) => clock === 'host') ? 'host' : 'gpu',
    runs: Math.min(...profiles.map(({ runs }) => runs)),
    milliseconds,
    rows: rows.map((row) => ({ ...row, share: milliseconds > 0 ? row.milliseconds / milliseconds : 0 })),
  };
}

const timeOf = ({ dispatches }: Timing, step: number): number =>
  dispatches.reduce((sum, one) => sum + (one.step === step ? one.milliseconds : 0), 0);

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The profile in Chrome's trace format (chrome://tracing, Perfetto): steps one after another, one row per program. */
export function chromeTrace({ rows }: Profile): object {
  const programs = [...new Set(rows.map(({ program }) => program))];
  const names = programs.flatMap((program, i) =>
    program === undefined ? [] : [{ name: 'thread_name', ph: 'M', pid: 1, tid: i + 1, args: { name: program } }],
  );
  let start = 0;
  const steps = rows.map(({ program, step, kernels, outputs, milliseconds, flops, bytes }) => {
    const tid = programs.indexOf(program) + 1;
    const event = { name: kernels.join(' '), ph: 'X', pid: 1, tid, ts: start * 1e3, dur: milliseconds * 1e3 };
    start += milliseconds;
    return { ...event, args: { step, outputs, flops, bytes } };
  });
  return { traceEvents: [...names, ...steps], displayTimeUnit: 'ms' };
}
