// How a run is set up, by names: optimizers, schedules, a model's recipe, and the settings that a resumed run must share.

import type { Parameter } from '../core/parameter.ts';
import { Adam, AdamW } from '../optim/adam.ts';
import { Lion } from '../optim/lion.ts';
import type { Optimizer, Parameters } from '../optim/optimizer.ts';
import { Adagrad, RMSprop } from '../optim/rmsprop.ts';
import { constantSchedule, cosineSchedule, linearSchedule, oneCycleSchedule, withWarmup, type Schedule } from '../optim/schedules.ts'; // prettier-ignore
import { SGD } from '../optim/sgd.ts';

/** Plain JSON that says what a run was started with. */
export type Settings = Readonly<Record<string, unknown>>;

/** Settings of an optimizer, beside its parameters. What one does not have, it leaves aside. */
export interface OptimizerSettings {
  readonly learningRate: number;
  readonly betas?: readonly [number, number];
  readonly momentum?: number;
  readonly weightDecay?: number;
}

/** An optimizer that can be chosen by name. */
export interface OptimizerChoice {
  /** Its name for people. */
  readonly title: string;
  /** `Optimizer.kind` of what it makes. */
  readonly kind: string;
  /** How large its learning rates are beside those of Adam: a factor for recipes that were made with another optimizer. */
  readonly rateScale: number;
  make(parameters: Parameters, settings: OptimizerSettings): Optimizer;
}

/** All optimizers by name. */
export const optimizers = {
  adamw: {
    title: 'AdamW',
    kind: 'AdamW',
    rateScale: 1,
    make: (parameters, settings) => new AdamW(parameters, settings),
  },
  adam: {
    title: 'Adam',
    kind: 'Adam',
    rateScale: 1,
    make: (parameters, settings) => new Adam(parameters, settings),
  },
  sgd: {
    title: 'SGD with momentum',
    kind: 'SGD',
    rateScale: 10,
    make: (parameters, { momentum = 0.9, ...settings }) => new SGD(parameters, { momentum, ...settings }),
  },
  rmsprop: {
    title: 'RMSprop',
    kind: 'RMSprop',
    rateScale: 1,
    make: (parameters, settings) => new RMSprop(parameters, settings),
  },
  adagrad: {
    title: 'Adagrad',
    kind: 'Adagrad',
    rateScale: 10,
    make: (parameters, settings) => new Adagrad(parameters, settings),
  },
  lion: {
    title: 'Lion',
    kind: 'Lion',
    rateScale: 0.1,
    make: (parameters, settings) => new Lion(parameters, settings),
  },
} as const satisfies Readonly<Record<string, OptimizerChoice>>;

/** A name of `optimizers`. */
export type OptimizerName = keyof typeof optimizers;

/** A schedule that can be chosen by name. */
export interface ScheduleChoice {
  /** Its course for people. */
  readonly title: string;
  /** Learning rates of `steps` steps in all, the first `warmup` of them a straight rise to `peak`. */
  make(peak: number, steps: number, warmup: number): Schedule;
}

/** All schedules by name. */
export const schedules = {
  cosine: {
    title: 'half a cosine down to 0',
    make: (peak, steps, warmup) => cosineSchedule(peak, steps, warmup),
  },
  constant: {
    title: 'the same rate throughout',
    make: (peak, _steps, warmup) => withWarmup(constantSchedule(peak), warmup),
  },
  linear: {
    title: 'a straight line down to 0',
    make: (peak, steps, warmup) =>
      withWarmup(linearSchedule(peak, Math.max(1, steps - warmup), { from: 1, to: 0 }), warmup),
  },
  'one-cycle': {
    title: 'up to the peak and far down again; its rise takes the place of a warm-up',
    make: (peak, steps, warmup) => oneCycleSchedule(peak, steps, warmup > 0 ? { rising: warmup / steps } : {}),
  },
} as const satisfies Readonly<Record<string, ScheduleChoice>>;

/** A name of `schedules`. */
export type ScheduleName = keyof typeof schedules;

/** How a model is trained: the defaults of its runs, as plain JSON. */
export interface Recipe {
  /** Exactly one of the two. */
  readonly steps?: number;
  readonly epochs?: number;
  /** Samples of one step; with `accumulate`, of one micro-batch. */
  readonly batchSize: number;
  /** Micro-batches whose mean gradient makes one step; 1 by default. */
  readonly accumulate?: number;
  readonly optimizer: OptimizerName;
  /** The highest rate of the schedule. */
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  /** Steps of a straight rise before the schedule; by default a twentieth of all, 500 at most. */
  readonly warmup?: number;
  readonly betas?: readonly [number, number];
  readonly momentum?: number;
  readonly weightDecay?: number;
  /** Which parameters decay: all, by default, or only those of two axes and more, which leaves out biases and norms. */
  readonly decayOf?: 'all' | 'matrices';
  readonly maxGradNorm?: number;
  /** The share of the running mean of the weights that each step keeps; without it there is no mean. */
  readonly averageDecay?: number;
}

const LONGEST_WARMUP = 500;

/** The optimizer of `recipe` for `parameters`. */
export function makeOptimizer(recipe: Recipe, parameters: readonly Parameter[]): Optimizer {
  const { optimizer, learningRate, betas, momentum, weightDecay, decayOf = 'all' } = recipe;
  const given = { betas, momentum, weightDecay };
  const settings = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { make }: OptimizerChoice = optimizers[optimizer];
  if (decayOf === 'all') return make(parameters, { learningRate, ...settings });
  const [matrices, vectors] = [true, false].map((wanted) =>
    parameters.filter(({ shape }) => shape.length > 1 === wanted),
  );
  const groups = [{ parameters: matrices }, { parameters: vectors, weightDecay: 0 }];
  return make(
    groups.filter((group) => group.parameters.length > 0),
    { learningRate, ...settings },
  );
}

/** The learning rates of a run of `steps` steps by `recipe`. */
export function makeSchedule(recipe: Recipe, steps: number): Schedule {
  const { schedule, learningRate, warmup = Math.min(LONGEST_WARMUP, Math.ceil(steps / 20)) } = recipe;
  return schedules[schedule].make(learningRate, steps, warmup);
}

/** How many steps a run by `recipe` has, where an epoch has `stepsPerEpoch`. */
export function stepsOf({ steps, epochs }: Recipe, stepsPerEpoch: number): number {
  if ((steps === undefined) === (epochs === undefined)) throw new Error('A recipe has either steps or epochs.');
  return steps ?? Math.round(epochs! * stepsPerEpoch);
}

/**
 * `recipe` with what a user chose instead. Another optimizer without a learning rate of its own takes the recipe's, scaled
 * to what that optimizer usually needs; of `steps` and `epochs` the chosen one counts.
 */
export function withChoices<R extends Recipe>(recipe: R, choices: Partial<R>): R {
  const chosen = Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined)) as Partial<R>;
  const result = { ...recipe, ...chosen };
  if (chosen.optimizer !== undefined && chosen.optimizer !== recipe.optimizer && chosen.learningRate === undefined) {
    const factor = optimizers[chosen.optimizer].rateScale / optimizers[recipe.optimizer].rateScale;
    Object.assign(result, { learningRate: Number((recipe.learningRate * factor).toPrecision(12)) });
  }
  if (chosen.steps !== undefined && chosen.epochs === undefined) delete (result as { epochs?: number }).epochs;
  if (chosen.epochs !== undefined && chosen.steps === undefined) delete (result as { steps?: number }).steps;
  return result;
}

/** A setting that a run was started with and one that is now asked for, where they differ. */
export interface SettingConflict {
  readonly name: string;
  readonly stored: unknown;
  readonly wanted: unknown;
}

/** Every setting of `wanted` that differs from the one of the same name in `stored`, the settings of a checkpoint. */
export function settingConflicts(stored: Settings, wanted: Settings): SettingConflict[] {
  return Object.entries(wanted).flatMap(([name, value]) =>
    value === undefined || sameJson(stored[name], value) ? [] : [{ name, stored: stored[name], wanted: value }],
  );
}

function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b || Array.isArray(a) !== Array.isArray(b)) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const [x, y] = [a, b] as [Record<string, unknown>, Record<string, unknown>];
  return [...names].every((name) => sameJson(x[name], y[name]));
}
