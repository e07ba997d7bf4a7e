// Learning-rate schedules as pure functions of the step, so that a resumed run continues where it was.

/** The learning rate at a step, counted from 0. */
export type Schedule = (step: number) => number;

/** The same rate at every step. */
export const constantSchedule =
  (rate: number): Schedule =>
  () =>
    rate;

/**
 * Half a cosine from `peak` down to 0 over `steps` (Loshchilov and Hutter, "SGDR", 2017, without restarts), after a
 * linear warmup over the first `warmup` steps. Beyond the last step it stays 0.
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

/** Linear from `rate` · `from` to `rate` · `to` over `steps`, then constant: torch's LinearLR. */
export const linearSchedule =
  (rate: number, steps: number, { from = 1 / 3, to = 1 } = {}): Schedule =>
  (step) =>
    rate * (from + (to - from) * Math.min(1, step / steps));

/** From `rate` down to 0 over `steps`, as a power of the fraction that remains: torch's PolynomialLR. */
export const polynomialSchedule =
  (rate: number, steps: number, power = 1): Schedule =>
  (step) =>
    rate * (1 - Math.min(step, steps) / steps) ** power;

/** Settings of `oneCycleSchedule`. */
export interface OneCycleOptions {
  /** Fraction of the steps during which the rate rises. */
  readonly rising?: number;
  /** The rate starts at `peak / startDivisor`. */
  readonly startDivisor?: number;
  /** The rate ends at its start divided by this. */
  readonly endDivisor?: number;
}

/**
 * Half a cosine up to `peak`, then half a cosine down to far below the start, over `steps` in total (Smith and Topin, "Super-
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

/** A linear rise over the first `steps` to the first rate of `schedule`, which follows. */
export const withWarmup =
  (schedule: Schedule, steps: number): Schedule =>
  (step) =>
    step < steps ? (schedule(0) * (step + 1)) / (steps + 1) : schedule(step - steps);
