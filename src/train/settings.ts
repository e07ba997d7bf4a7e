// How a run is set up, by names: optimizers, schedules, a model's recipe, and the settings that a resumed run must share.

/** Plain JSON that says what a run was started with. */
export type Settings = Readonly<Record<string, unknown>>;

/** An optimizer that can be chosen by name. */
export interface OptimizerChoice {
  /** Its name for people. */
  readonly title: string;
  /** `Optimizer.kind` of what `makeOptimizer` makes. */
  readonly kind: string;
  /** How large its learning rates are beside those of Adam: a factor for recipes that were made with another optimizer. */
  readonly rateScale: number;
}

/** All optimizers by name. */
export const optimizers = {
  adamw: { title: 'AdamW', kind: 'AdamW', rateScale: 1 },
  adam: { title: 'Adam', kind: 'Adam', rateScale: 1 },
  sgd: { title: 'SGD with momentum', kind: 'SGD', rateScale: 10 },
  rmsprop: { title: 'RMSprop', kind: 'RMSprop', rateScale: 1 },
  adagrad: { title: 'Adagrad', kind: 'Adagrad', rateScale: 10 },
  lion: { title: 'Lion', kind: 'Lion', rateScale: 0.1 },
} as const satisfies Readonly<Record<string, OptimizerChoice>>;

/** A name of `optimizers`. */
export type OptimizerName = keyof typeof optimizers;

/** All schedules by name, with their courses after the warm-up for people. */
export const schedules = {
  cosine: 'half a cosine down to 0',
  constant: 'the same rate throughout',
  linear: 'a straight line down to 0',
  'one-cycle': 'up to the peak in the warm-up, then far down: both in half cosines',
} as const satisfies Readonly<Record<string, string>>;

/** A name of `schedules`. */
export type ScheduleName = keyof typeof schedules;

/** The part of a recipe that makes an optimizer. Settings that an optimizer does not have are left aside. */
export interface OptimizerRecipe {
  readonly optimizer: OptimizerName;
  /** The highest rate of the schedule. */
  readonly learningRate: number;
  readonly betas?: readonly [number, number];
  /** Of SGD: 0.9 by default. */
  readonly momentum?: number;
  readonly weightDecay?: number;
  /** Which parameters decay: all, by default, or only those of two axes and more, which leaves out biases and norms. */
  readonly decayOf?: 'all' | 'matrices';
}

/** The part of a recipe that makes a schedule. */
export interface ScheduleRecipe {
  /** The highest rate. */
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  /** Steps in which the rate rises; by default a twentieth of all, 500 at most. */
  readonly warmup?: number;
}

/** How a model is trained: the defaults of its runs, as plain JSON. */
export interface Recipe extends OptimizerRecipe, ScheduleRecipe {
  /** Exactly one of `steps` and `epochs`. */
  readonly steps?: number;
  readonly epochs?: number;
  /** Samples of one step; with `accumulate`, of one micro-batch. */
  readonly batchSize: number;
  /** Micro-batches whose mean gradient makes one step; 1 by default. */
  readonly accumulate?: number;
  readonly maxGradNorm?: number;
  /** The share of the running mean of the weights that each step keeps; without it there is no mean. */
  readonly averageDecay?: number;
  /** Evaluations without a new best after which a run stops; without it, runs go on to their end. */
  readonly patience?: number;
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
