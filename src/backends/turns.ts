// The order of runs: some must wait for values from another device, and none may overtake them.

/** A waiting run's place in the queue. */
export interface Turn {
  /** Resolves when the run ahead starts; null if none is waiting. */
  readonly before: Promise<void> | null;
  /** Lets the next run start. */
  started(): void;
}

/** Lets the runs of one device start in the order of their calls. */
export class Turns {
  #last: Promise<void> | null = null;

  /** Whether a run is waiting, so that others must queue behind it. */
  get areWaitedFor(): boolean {
    return this.#last !== null;
  }

  /** Takes the next place in the queue. */
  take(): Turn {
    const before = this.#last;
    let resolve = () => {};
    const start = new Promise<void>((resolved) => (resolve = resolved));
    this.#last = start;
    const started = () => {
      resolve();
      if (this.#last === start) this.#last = null;
    };
    return { before, started };
  }
}
