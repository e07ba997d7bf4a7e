// Failures that a command expects: one readable message and an exit code.

/** Ends the command with `message` and an exit code. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** Exit codes besides 0 for success and 1 for failure. */
export const USAGE = 2;
/** The exit code of shells for Ctrl-C: 128 plus the number of SIGINT. */
export const INTERRUPTED = 130;
