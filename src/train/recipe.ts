// Makes the optimizer and the schedule of a recipe.

import { Adam, AdamW, type AdamOptions } from '../optim/adam.ts';
import { Lion } from '../optim/lion.ts';
import type { Optimizer, ParameterGroup, Parameters } from '../optim/optimizer.ts';
import { Adagrad, RMSprop } from '../optim/rmsprop.ts';
import {
  constantSchedule, cosineSchedule, linearSchedule, oneCycleSchedule, withWarmup, type Schedule,
} from '../optim/schedules.ts'; // prettier-ignore
import { SGD } from '../optim/sgd.ts';
import type { Parameter } from '../core/parameter.ts';
import { optimizers, schedules, type OptimizerName, type OptimizerRecipe, type ScheduleName, type ScheduleRecipe } from './settings.ts'; // prettier-ignore

/** Options of all optimizers; each uses those it has. */
type AnyOptions = AdamOptions & { readonly momentum?: number };

const classes: Readonly<Record<OptimizerName, (parameters: Parameters, options: AnyOptions) => Optimizer>> = {
  adamw: (parameters, options) => new AdamW(parameters, options),
  adam: (parameters, options) => new Adam(parameters, options),
  sgd: (parameters, options) => new SGD(parameters, { momentum: 0.9, ...options }),
  rmsprop: (parameters, options) => new RMSprop(parameters, options),
  adagrad: (parameters, options) => new Adagrad(parameters, options),
  lion: (parameters, options) => new Lion(parameters, options),
};

const courses: Readonly<Record<ScheduleName, (peak: number, steps: number, warmup: number) => Schedule>> = {
  cosine: cosineSchedule,
  constant: (peak, _, warmup) => withWarmup(constantSchedule(peak), warmup),
  linear: (peak, steps, warmup) =>
    withWarmup(linearSchedule(peak, Math.max(1, steps - warmup), { from: 1, to: 0 }), warmup),
  // The rise needs at least two steps.
  'one-cycle': (peak, steps, warmup) => oneCycleSchedule(peak, steps, { rising: Math.max(2, warmup) / steps }),
};

/**
 * The optimizer of `recipe`. With `decayOf: 'matrices'`, groups with a weight decay of their own keep it.
 * @throws an Error that lists the valid names, for an unknown one.
 */
export function makeOptimizer(recipe: OptimizerRecipe, parameters: Parameters): Optimizer {
  const { optimizer, learningRate, betas, momentum, weightDecay, decayOf } = recipe;
  const make = named('optimizer', classes, optimizer, optimizers);
  const given = Object.entries({ learningRate, betas, momentum, weightDecay });
  const options: AnyOptions = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  return make(decayOf === 'matrices' ? groupsOf(parameters).flatMap(splitMatrices) : parameters, options);
}

const LONGEST_WARMUP = 500;

/**
 * The learning rate schedule of `recipe` for a run of `steps` steps.
 * @throws an Error that lists the valid names, for an unknown one.
 */
export function makeSchedule(recipe: ScheduleRecipe, steps: number): Schedule {
  const { schedule, learningRate, warmup = Math.min(LONGEST_WARMUP, Math.ceil(steps / 20)) } = recipe;
  return named('schedule', courses, schedule, schedules)(learningRate, steps, warmup);
}

function named<T>(what: string, values: Readonly<Record<string, T>>, name: string, all: object): T {
  if (Object.hasOwn(values, name)) return values[name];
  throw new Error(`There is no ${what} "${name}"; choose one of ${Object.keys(all).join(', ')}.`);
}

const isPlain = (parameters: Parameters): parameters is readonly Parameter[] =>
  parameters.every((one) => !('parameters' in one));

const groupsOf = (parameters: Parameters): readonly ParameterGroup[] =>
  isPlain(parameters) ? [{ parameters }] : (parameters as readonly ParameterGroup[]);

function splitMatrices(group: ParameterGroup): ParameterGroup[] {
  if (group.weightDecay !== undefined) return [group];
  const matrices = group.parameters.filter(({ shape }) => shape.length > 1);
  const others = group.parameters.filter(({ shape }) => shape.length <= 1);
  const parts = [
    { ...group, parameters: matrices },
    { ...group, parameters: others, weightDecay: 0 },
  ];
  return parts.filter((part) => part.parameters.length > 0);
}
