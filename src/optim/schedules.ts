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
