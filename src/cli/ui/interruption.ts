// Ctrl-C during training: the step is finished and saved before the process ends.

import { INTERRUPTED } from './command-error.ts';

/** Whether the user wants to stop. */
export interface Interruption {
  readonly requested: boolean;
  /** Gives Ctrl-C its usual meaning back. */
  end(): void;
}

// npm and tsx pass a signal on that the terminal has sent to this process as well.
const SAME_SIGNAL_MS = 1000;

/** Takes note of SIGINT and SIGTERM from now on, and calls `onRequest` at the first. A second one ends the process. */
export function watchInterruption(onRequest: () => void): Interruption {
  let first: number | null = null;
  const listener = () => {
    if (first === null) {
      first = Date.now();
      onRequest();
    } else if (Date.now() - first > SAME_SIGNAL_MS) process.exit(INTERRUPTED);
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  return {
    get requested() {
      return first !== null;
    },
    end: () => void process.off('SIGINT', listener).off('SIGTERM', listener),
  };
}
