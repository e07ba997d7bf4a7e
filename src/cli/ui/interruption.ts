// Ctrl-C, or a closed terminal, during training: the step is finished and saved before the process ends.

import { INTERRUPTED } from './command-error.ts';

/** Whether the user wants to stop. */
export interface Interruption {
  readonly requested: boolean;
  /** Gives Ctrl-C its usual meaning back. */
  end(): void;
}

// npm and tsx pass a signal on that the terminal has sent to this process as well.
const SAME_SIGNAL_MS = 1000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes note of signals that end a process from now on, and calls `onRequest` at the first. A second one ends the process. */
export function watchInterruption(onRequest: () => void): Interruption {
  let first: number | null = null;
  const listener = () => {
    if (first === null) {
      first = Date.now();
      onRequest();
    } else if (Date.now() - first > SAME_SIGNAL_MS) process.exit(INTERRUPTED);
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return {
    get requested() {
      return first !== null;
    },
    end: () => SIGNALS.forEach((signal) => void process.off(signal, listener)),
  };
}
