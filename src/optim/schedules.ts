// Learning rates over a run as pure functions of the step, so that a resumed run goes on with the same ones.

/** The learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number;

/** The same rate at every step. */
export const constantSchedule =
  (rate: number): Schedule =>
  () =>
    rate;

/**
 * Half a cosine from `peak` down to 0 over `steps` (Loshchilov and Hutter, "SGDR", 2017, without restarts), after a
 * straight rise over the first `warmup` steps. Beyond the last step it stays 0.
 */
export function cosineSchedule(peak: number, steps: number, warmup = 0): Schedule {
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / (warmup + 1);
    const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return (peak * (1 + Math.cos(Math.PI * progress))) / 2;
  };
}

/** `rate`, multiplied by `gamma` after every `every` steps: torch's StepLR. */
export const stepSchedule =
  (rate: number, every: number, gamma = 0.1): Schedule =>
  (step) =>
    rate * gamma ** Math.floor(step / every);

/** `rate`, multiplied by `gamma` at each of `milestones`: torch's MultiStepLR. */
export const multiStepSchedule =
  (rate: number, milestones: readonly number[], gamma = 0.1): Schedule =>
  (step) =>
    rate * gamma ** milestones.filter((milestone) => step >= milestone).length;

/** `rate`, multiplied by `gamma` after every step: torch's ExponentialLR. */
export const exponentialSchedule =
  (rate: number, gamma: number): Schedule =>
  (step) =>
    rate * gamma ** step;

/** In a straight line from `rate` · `from` to `rate` · `to` over `steps`, and there from then on: torch's LinearLR. */
export const linearSchedule =
  (rate: number, steps: number, { from = 1 / 3, to = 1 } = {}): Schedule =>
  (step) =>
    rate * (from + (to - from) * Math.min(1, step / steps));

/** From `rate` down to 0 over `steps`, as a power of what is left of them: torch's PolynomialLR. */
export const polynomialSchedule =
  (rate: number, steps: number, power = 1): Schedule =>
  (step) =>
    rate * (1 - Math.min(step, steps) / steps) ** power;

/** Settings of `oneCycleSchedule`. */
export interface OneCycleOptions {
  /** The part of the steps in which the rate rises. */
  readonly rising?: number;
  /** What `peak` is divided by at the start, and the start at the end. */
  readonly startDivisor?: number;
  readonly endDivisor?: number;
}

/**
 * Half a cosine up to `peak`, then half a cosine down to far below the start, over `steps` in all (Smith and Topin, "Super-
 * Convergence", 2018): torch's OneCycleLR. Beyond the last step it stays there.
 */
export function oneCycleSchedule(peak: number, steps: number, options: OneCycleOptions = {}): Schedule {
  const { rising = 0.3, startDivisor = 25, endDivisor = 1e4 } = options;
  const start = peak / startDivisor;
  const [top, last] = [rising * steps - 1, steps - 1];
  const between = (from: number, to: number, part: number) => to + ((from - to) * (1 + Math.cos(Math.PI * part))) / 2;
  return (step) =>
    step <= top
      ? between(start, peak, step / top)
      : between(peak, start / endDivisor, Math.min(1, (step - top) / (last - top)));
}

/** A straight rise over the first `steps` to what `schedule`, which begins after them, starts with. */
export const withWarmup =
  (schedule: Schedule, steps: number): Schedule =>
  (step) =>
    step < steps ? (schedule(0) * (step + 1)) / (steps + 1) : schedule(step - steps);
