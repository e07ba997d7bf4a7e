// Names and settings of runs: optimizers, schedules, recipes, and settings that a resumed run must share.

/** A run's settings, as plain JSON. */
export type Settings = Readonly<Record<string, unknown>>;

/** An optimizer to choose by name. */
export interface OptimizerChoice {
  /** Its display name. */
  readonly title: string;
  /** Its `Optimizer.kind`. */
  readonly kind: string;
  /** Typical learning rate relative to Adam's, for recipes that were made with another optimizer. */
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

/** All schedules by name, with a description of their course after warm-up. */
export const schedules = {
  cosine: 'cosine decay to 0',
  constant: 'constant rate',
  linear: 'linear decay to 0',
  'one-cycle': 'cosine rise to the peak during warm-up, then cosine decay to almost 0',
} as const satisfies Readonly<Record<string, string>>;

/** A name of `schedules`. */
export type ScheduleName = keyof typeof schedules;

/** The optimizer's part of a recipe. Settings that an optimizer does not have are ignored. */
export interface OptimizerRecipe {
  readonly optimizer: OptimizerName;
  /** The peak of the schedule. */
  readonly learningRate: number;
  readonly betas?: readonly [number, number];
  /** For SGD (default 0.9). */
  readonly momentum?: number;
  readonly weightDecay?: number;
  /** Which parameters have weight decay: all (default), or only those with two or more axes, which excludes biases and norms. */
  readonly decayOf?: 'all' | 'matrices';
}

/** The schedule's part of a recipe. */
export interface ScheduleRecipe {
  /** The peak of the schedule. */
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  /** Warm-up steps; by default 5 % of all steps, at most 500. */
  readonly warmup?: number;
}

/** The default training settings of a model, as plain JSON. */
export interface Recipe extends OptimizerRecipe, ScheduleRecipe {
  /** Give either `steps` or `epochs`. */
  readonly steps?: number;
  readonly epochs?: number;
  /** Samples per step; with `accumulate`, per micro-batch. */
  readonly batchSize: number;
  /** Gradient accumulation: micro-batches per step (default 1). */
  readonly accumulate?: number;
  readonly maxGradNorm?: number;
  /** Decay of the weights' moving average; by default there is no average. */
  readonly averageDecay?: number;
  /** Early stopping: evaluations without a new best before a run stops; off by default. */
  readonly patience?: number;
}

/** The number of steps of a run by `recipe`. */
export function stepsOf({ steps, epochs }: Recipe, stepsPerEpoch: number): number {
  if ((steps === undefined) === (epochs === undefined)) throw new Error('A recipe must have either steps or epochs.');
  return steps ?? Math.round(epochs! * stepsPerEpoch);
}

/**
 * `recipe` with a user's choices. If another optimizer is chosen without a learning rate, the recipe's is scaled to what that
 * optimizer usually needs. A chosen `steps` replaces `epochs`, and vice versa.
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

/** A setting that differs between a checkpoint and the current request. */
export interface SettingConflict {
  readonly name: string;
  readonly stored: unknown;
  readonly wanted: unknown;
}

/** The settings in `wanted` that differ from `stored`, those of a checkpoint. */
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
