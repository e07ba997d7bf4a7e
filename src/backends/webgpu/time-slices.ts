// Cuts a run's dispatches into submissions that each take about as long as they may, by how long they took before.

/** Dispatches of a slice before anything was measured. */
const FIRST = 16;

/** Where a run of `count` dispatches is cut, so that each slice takes `milliseconds` at most; a dispatch is never cut. */
export class TimeSlices {
  readonly #milliseconds: number;
  #sizes: number[];

  constructor(count: number, milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.#sizes = Array.from({ length: Math.ceil(count / FIRST) }, (_, i) => Math.min(FIRST, count - i * FIRST));
  }

  /** How many dispatches each slice has, in order. */
  get sizes(): readonly number[] {
    return this.#sizes;
  }

  /** Cuts anew, by the milliseconds that each slice took: long ones in parts, short neighbours joined. */
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
      // Half the time only: what was joined must not have to be cut again by the next, slightly slower run.
      if (last && last.time + time <= this.#milliseconds / 2) {
        last.size += size;
        last.time += time;
      } else joined.push({ size, time });
    }
    this.#sizes = joined.map(({ size }) => size);
  }
}
