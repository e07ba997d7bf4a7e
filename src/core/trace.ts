// The effects of a traced function on state: parameter updates and random draws.

import { Buffer, type Parameter } from './parameter.ts';
import { formatSpec, type Tensor } from './tensor.ts';
import { sameShape } from './shape.ts';

/** An update of a parameter, which takes effect at the end of a run. */
export interface Update {
  readonly parameter: Parameter;
  readonly value: Tensor;
}

/** The effects of a traced function besides its outputs. */
export interface Trace {
  /** The next value of each parameter that is assigned. */
  readonly updates: Map<Parameter, Tensor>;
  /** Where this program's random numbers come from, and how many draws are recorded so far. */
  readonly random: RandomState;
  draws: number;
  /** Called before each run. */
  readonly checks: (() => void)[];
}

/**
 * The state behind random ops: they draw from the key (`seed`, `run`). A program that draws increments `run` on every
 * run, so a checkpoint with both resumes with the same numbers.
 */
export class RandomState {
  readonly seed: Buffer;
  readonly run: Buffer;

  constructor(seed: number) {
    this.seed = new Buffer({ shape: [], dtype: 'u32', data: Uint32Array.of(seed) }, { name: 'random.seed' });
    this.run = Buffer.zeros({ shape: [], dtype: 'u32' }, { name: 'random.run' });
  }
}

let current: Trace | null = null;
let training = false;

/** Runs `fn` and returns its result and the effects it recorded. */
export function trace<T>(fn: () => T, random: RandomState, forTraining = false): { result: T; trace: Trace } {
  const outer = current;
  const own: Trace = { updates: new Map(), random, draws: 0, checks: [] };
  current = own;
  try {
    return { result: withTraining(forTraining, fn), trace: own };
  } finally {
    current = outer;
  }
}

/** Whether layers are traced for training: dropout drops, batch norms use and record the batch's statistics. */
export const isTraining = (): boolean => training;

/** Traces `fn` for training (true) or for inference, whatever the rest of the program does. */
export function withTraining<T>(flag: boolean, fn: () => T): T {
  const outer = training;
  training = flag;
  try {
    return fn();
  } finally {
    training = outer;
  }
}

/** The trace being recorded; `who` names the caller in the error if there is none. */
export function currentTrace(who: string): Trace {
  if (!current) throw new Error(`${who} works only inside a function that is being compiled: pass it to compile().`);
  return current;
}

/** Calls `check` before each run of the program being traced; if it throws, so does the run. */
export const checkBeforeRuns = (check: () => void): void => void currentTrace('checkBeforeRuns()').checks.push(check);

/** Sets `parameter` to `value` at the end of every run of the program being traced. */
export function assign(parameter: Parameter, value: Tensor): void {
  const { updates } = currentTrace('assign()');
  if (!sameShape(parameter.shape, value.shape) || parameter.dtype !== value.dtype) {
    throw new Error(
      `assign: parameter ${parameter.name} is ${formatSpec(parameter)}, but the value is ${formatSpec(value)}.`,
    );
  }
  if (updates.has(parameter)) {
    throw new Error(`assign: parameter ${parameter.name} is assigned twice in one program.`);
  }
  updates.set(parameter, value);
}

/**
 * `assign` for state that a function may advance several times in one run, such as the running statistics of a layer that
 * is called twice: `next` gets the value from the previous call.
 */
export function advance(parameter: Parameter, next: (current: Tensor) => Tensor): void {
  const { updates } = currentTrace('advance()');
  const before = updates.get(parameter) ?? parameter;
  updates.delete(parameter);
  assign(parameter, next(before));
}

/** What `parameter` will hold after the updates recorded so far. */
export const latest = (parameter: Parameter): Tensor => currentTrace('latest()').updates.get(parameter) ?? parameter;
