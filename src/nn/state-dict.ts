// Matches values by name with a model's parameters, and reports all mismatches in one error, by cause.

import { convertFloats, isFloat, type DType, type TensorData } from '../core/dtype.ts';
import { Buffer, type Parameter } from '../core/parameter.ts';
import { sameShape } from '../core/shape.ts';
import type { TensorSpec } from '../core/tensor.ts';
import { likelyCauses, type Comparison } from './likely-causes.ts';
import { isMismatch, WeightsError, type Misfit, type WeightsMismatch } from './weights-error.ts';

/** How the specs of values by name compare with a model. */
export interface StateMatch extends WeightsMismatch {
  /** The parameters to be written, each once, with the name of its values. */
  readonly fits: ReadonlyMap<Parameter, string>;
}

/** Whether two tensors are of one type and shape, and equal to the bit. */
export const sameValues = (a: TensorData, b: TensorData): boolean =>
  sameShape(a.shape, b.shape) && a.dtype === b.dtype && a.data.every((value, i) => Object.is(value, b.data[i]));

/**
 * Compares the specs of values with a model's `state()`. A tied parameter needs values under one of its names, a buffer that
 * is `optional` none; f32 fits f16 and the other way round. With `exact`, every name needs values of its own type.
 */
export function matchState(
  state: ReadonlyMap<string, Parameter>,
  values: ReadonlyMap<string, TensorSpec>,
  { exact = false } = {},
): StateMatch {
  const fits = new Map<Parameter, string>();
  for (const [name, parameter] of state) if (values.has(name) && !fits.has(parameter)) fits.set(parameter, name);
  const isMissing = ([name, parameter]: readonly [string, Parameter]) =>
    !values.has(name) && (exact || !(fits.has(parameter) || (parameter instanceof Buffer && parameter.optional)));
  const canBecome = (type: DType, wanted: DType) => type === wanted || (!exact && isFloat(type) && isFloat(wanted));
  const [shapes, dtypes]: Misfit[][] = [[], []];
  for (const [name, needed] of state) {
    const value = values.get(name);
    if (!value) continue;
    const misfit = { name, found: { shape: value.shape, type: value.dtype }, needed };
    if (!sameShape(value.shape, needed.shape)) shapes.push(misfit);
    else if (!canBecome(value.dtype, needed.dtype)) dtypes.push(misfit);
  }
  return {
    fits,
    missing: [...state].filter(isMissing).map(([name]) => name),
    unexpected: [...values.keys()].filter((name) => !state.has(name)),
    shapes,
    dtypes,
    untied: [],
  };
}

/** What the values are for, in an error. */
export interface Target {
  /** What errors call the model. */
  readonly title: string;
  readonly config?: unknown;
}

/** The error for `mismatch` of the names of `values` and `state`. */
export function stateError(
  { title, config }: Target,
  state: ReadonlyMap<string, unknown>,
  values: ReadonlyMap<string, unknown>,
  mismatch: WeightsMismatch,
  holder: Comparison['holder'],
): WeightsError {
  const names = { names: [...values.keys()], wanted: [...state.keys()] };
  const comparison = { ...names, holder, shapes: mismatch.shapes, config };
  return new WeightsError(title, mismatch, remediesFor(mismatch, comparison));
}

/** Writes `values` to the parameters of `state`, all or none. @throws a WeightsError when any does not fit. */
export function writeState(
  target: Target,
  state: ReadonlyMap<string, Parameter>,
  values: ReadonlyMap<string, TensorData>,
): void {
  const { fits, ...found } = matchState(state, values);
  const untied = [...state].flatMap(([name, parameter]) => {
    const of = fits.get(parameter);
    const [first, own] = [of === undefined ? undefined : values.get(of), values.get(name)];
    if (!first || !own || own === first || !sameShape(own.shape, first.shape) || sameValues(own, first)) return [];
    return [[of!, name] as const];
  });
  const mismatch = { ...found, untied };
  if (isMismatch(mismatch)) throw stateError(target, state, values, mismatch, 'state dict');
  // All conversions before the first write: one may run out of memory.
  const ready = [...fits].map(
    ([parameter, name]) => [parameter, convertFloats(values.get(name)!, parameter.dtype)] as const,
  );
  for (const [parameter, value] of ready) parameter.write(value);
}

/** What most likely happened, and what to do. */
function remediesFor({ missing, unexpected, shapes, untied }: WeightsMismatch, comparison: Comparison): string[] {
  const { holder } = comparison;
  const [added, dropped] = [commonPrefix(unexpected, missing), commonPrefix(missing, unexpected)];
  const found: string[] = [];
  if (added) found.push(`Names differ by the prefix "${added}": drop it from those of the ${holder}.`);
  else if (dropped) found.push(`Names differ by the prefix "${dropped}": put it before those of the ${holder}.`);
  else found.push(...likelyCauses(comparison));
  if (found.length === 0) {
    if (missing.length > 0 && unexpected.length > 0)
      found.push('These may be weights of another model, or of another config of it.'); // prettier-ignore
    else if (missing.length > 0) found.push(`The ${holder} is incomplete, or the model has more layers.`);
    else if (unexpected.length > 0) found.push('The model has fewer layers: check its config.');
    if (shapes.length > 0) found.push('Where shapes differ, build the model with the config that the weights were trained with.'); // prettier-ignore
  }
  if (untied.length > 0) found.push('Where values differ, build the model without tying these parameters.');
  return found;
}

/** The prefix that turns each name of `short` into one of `long`, if there is one. */
function commonPrefix(long: readonly string[], short: readonly string[]): string | null {
  const [first] = short;
  const full = first === undefined ? undefined : long.find((name) => name.endsWith(`.${first}`));
  if (full === undefined) return null;
  const prefix = full.slice(0, full.length - first.length);
  const names = new Set(long);
  return short.every((name) => names.has(prefix + name)) ? prefix : null;
}
