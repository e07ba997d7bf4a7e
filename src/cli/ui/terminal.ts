// Where a command writes: results to stdout, everything else to stderr. Tests supply their own.

import { SingleBar } from 'cli-progress';

/** Two streams of text. */
export interface Terminal {
  /** A line of the result. */
  result(text: string): void;
  /** A piece of the result without a line end, such as a word of a text. */
  piece(text: string): void;
  /** A line for people that is not part of the result: progress, warnings, errors. */
  note(text: string): void;
  /** Whether notes go to a terminal that can show a progress bar. */
  readonly interactive: boolean;
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  result: (text) => void process.stdout.write(`${text}\n`),
  piece: (text) => void process.stdout.write(text),
  note: (text) => void process.stderr.write(`${text}\n`),
  interactive: process.stderr.isTTY ?? false,
};

/** The progress of long work. */
export interface ProgressReport {
  /** `note`: shown after the count. */
  update(done: number, note?: string): void;
  stop(): void;
}

const SECONDS_BETWEEN_LINES = 10;

/** Shows progress: a bar if the terminal can, else a line every few seconds; nothing with `quiet`. */
export function showProgress(terminal: Terminal, title: string, total: number, quiet = false): ProgressReport {
  if (quiet) return { update() {}, stop() {} };
  if (terminal.interactive) {
    const format = `${title} {bar} {value}/{total} {note}  ETA {eta_formatted}`;
    // Its graceful exit would swallow Ctrl-C, and there is nothing for it to restore.
    const bar = new SingleBar({ format, barsize: 16, gracefulExit: false, linewrap: true });
    bar.start(total, 0, { note: '' });
    return { update: (done, note = '') => bar.update(done, { note }), stop: () => bar.stop() };
  }
  let [last, told] = ['', ''];
  let due = Date.now() + SECONDS_BETWEEN_LINES * 1000;
  const tell = () => {
    if (last !== told) terminal.note(last);
    told = last;
    due = Date.now() + SECONDS_BETWEEN_LINES * 1000;
  };
  return {
    update(done, note = '') {
      last = `${title} ${done}/${total} ${note}`.trimEnd();
      if (Date.now() >= due) tell();
    },
    stop: tell,
  };
}

/** 0.98765 as "98.77 %". */
export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Numbers with commas, as in 10,000. */
export const grouped = (count: number): string => count.toLocaleString('en');
