// Ctrl-C, or a closed terminal, during long work, which can then finish its step and save before the process ends.

import { INTERRUPTED } from './command-error.ts';

/** Whether the user asked to stop. */
export interface Interruption {
  readonly requested: boolean;
  /** Restores the usual behaviour of Ctrl-C. */
  end(): void;
}

// npm and tsx forward signals that the terminal has already sent to this process.
const SAME_SIGNAL_MS = 1000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** From now on, the first signal to terminate calls `onRequest` instead; a second one ends the process. */
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
