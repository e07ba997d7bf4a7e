// The order of runs: some must wait for values of another device, and none may overtake them.

/** The place of a run that waits. */
export interface Turn {
  /** The start of the waiting run ahead, if there is one. */
  readonly before: Promise<void> | null;
  /** Lets the next run start. */
  started(): void;
}

/** Lets runs of one device start in the order in which they were asked for. */
export class Turns {
  #last: Promise<void> | null = null;

  /** Whether a run waits, so that others must wait behind it. */
  get areWaitedFor(): boolean {
    return this.#last !== null;
  }

  /** Takes the next place. */
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
