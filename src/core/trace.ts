// What a function does to state while it is traced: parameter updates and draws of random numbers.

import { Parameter, type Tensor } from './tensor.ts';
import { formatShape, sameShape } from './shape.ts';

/** A change of a parameter that happens at the end of a run. */
export interface Update {
  readonly parameter: Parameter;
  readonly value: Tensor;
}

/** The effects that a traced function has besides its outputs. */
export interface Trace {
  readonly updates: Update[];
  /** Where this program's random numbers come from, and how many draws are recorded so far. */
  readonly random: RandomState;
  draws: number;
}

/**
 * The state behind random ops: they draw from the key (`seed`, `run`). A program that draws numbers adds 1 to `run` each
 * time it is run, so a checkpoint that holds both continues with the same numbers.
 */
export class RandomState {
  readonly seed: Parameter;
  readonly run: Parameter;

  constructor(seed: number) {
    this.seed = new Parameter('random.seed', { shape: [], dtype: 'u32', data: Uint32Array.of(seed) }, false);
    this.run = Parameter.zeros('random.run', { shape: [], dtype: 'u32' });
  }
}

let current: Trace | null = null;

/** Runs `fn` and gives its result together with the effects it recorded. */
export function trace<T>(fn: () => T, random: RandomState): { result: T; trace: Trace } {
  const outer = current;
  const own: Trace = { updates: [], random, draws: 0 };
  current = own;
  try {
    return { result: fn(), trace: own };
  } finally {
    current = outer;
  }
}

/** The trace that is being recorded; `who` names the caller in the error when there is none. */
export function currentTrace(who: string): Trace {
  if (!current) throw new Error(`${who} works only inside a function that is being compiled: pass it to compile().`);
  return current;
}

/** Sets `parameter` to `value` at the end of every run of the program that is being traced. */
export function assign(parameter: Parameter, value: Tensor): void {
  const { updates } = currentTrace('assign()');
  if (!sameShape(parameter.shape, value.shape) || parameter.dtype !== value.dtype) {
    throw new Error(
      `assign: parameter ${parameter.name} is ${parameter.dtype}${formatShape(parameter.shape)}, ` +
        `but the value is ${value.dtype}${formatShape(value.shape)}.`,
    );
  }
  if (updates.some((update) => update.parameter === parameter)) {
    throw new Error(`assign: parameter ${parameter.name} is assigned twice in one program.`);
  }
  updates.push({ parameter, value });
}

/**
 * `assign` for state that a function may advance several times in one run, such as running statistics of a layer that is
 * called twice: `next` gets the value of the call before.
 */
export function advance(parameter: Parameter, next: (current: Tensor) => Tensor): void {
  const { updates } = currentTrace('advance()');
  const recorded = updates.findIndex((update) => update.parameter === parameter);
  const [before] = recorded < 0 ? [] : updates.splice(recorded, 1);
  assign(parameter, next(before?.value ?? parameter));
}

/** What `parameter` will hold after the changes recorded so far. */
export const latest = (parameter: Parameter): Tensor =>
  currentTrace('latest()').updates.find((update) => update.parameter === parameter)?.value ?? parameter;
