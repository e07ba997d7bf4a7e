// Splits a run's dispatches into submissions of a given duration, by the times of the previous run.

/** Dispatches per time slice before anything is measured. */
const FIRST = 16;

/** The time slices of a run of `count` dispatches, each of at most `milliseconds`; a dispatch is never split. */
export class TimeSlices {
  readonly #milliseconds: number;
  #sizes: number[];

  constructor(count: number, milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.#sizes = Array.from({ length: Math.ceil(count / FIRST) }, (_, i) => Math.min(FIRST, count - i * FIRST));
  }

  /** Number of dispatches in each time slice, in order. */
  get sizes(): readonly number[] {
    return this.#sizes;
  }

  /** Adapts to the milliseconds that each time slice took: splits long ones, joins short neighbours. */
  adapt(times: readonly number[]): void {
    const parts = this.#sizes.flatMap((size, i) => {
      const count = Math.min(size, Math.max(1, Math.ceil(times[i] / this.#milliseconds)));
      return Array.from({ length: count }, (_, part) => ({
        size: Math.floor(((part + 1) * size) / count) - Math.floor((part * size) / count),
        time: times[i] / count,
      }));
    });
    const joined: { size: number; time: number }[] = [];
    for (const { size, time } of parts) {
      const last = joined.at(-1);
      // Up to half the limit, so that a slightly slower run does not split them again.
      if (last && last.time + time <= this.#milliseconds / 2) {
        last.size += size;
        last.time += time;
      } else joined.push({ size, time });
    }
    this.#sizes = joined.map(({ size }) => size);
  }
}
