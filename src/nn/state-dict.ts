// Matches values by name with a model's parameters, and reports all mismatches in one error, by cause.

import { convertFloats, isFloat, type TensorData } from '../core/dtype.ts';
import { Buffer, type Parameter } from '../core/parameter.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { TensorSpec } from '../core/tensor.ts';

/** Lists all values that do not fit a model, by cause. Nothing was written. */
export class StateDictError extends Error {
  /** Names that the model has and the values lack. */
  readonly missing: readonly string[];
  /** Names that the model does not have. */
  readonly unexpected: readonly string[];
  /** `name (is …, needs …)`: wrong shapes, and types that are not converted. */
  readonly misshapen: readonly string[];
  /** Names of one tied parameter whose values differ. */
  readonly untied: readonly string[];

  constructor(model: string, found: Omit<StateMismatch, 'fits'>) {
    const { missing, unexpected, misshapen, untied } = found;
    const part = (title: string, names: readonly string[]) =>
      names.length > 0 ? `\n  ${title}: ${names.join(', ')}` : '';
    super(
      `These weights are not for ${model}; nothing was changed:` +
        part('missing', missing) +
        part('unexpected', unexpected) +
        part('wrong shape or type', misshapen) +
        part('tied in the model, but with different values', untied) +
        remedies(found).map((remedy) => `\n${remedy}`).join(''), // prettier-ignore
    );
    this.name = 'StateDictError';
    [this.missing, this.unexpected, this.misshapen, this.untied] = [missing, unexpected, misshapen, untied];
  }
}

/** How named values compare with a model. */
export interface StateMismatch {
  /** The parameters to write, each once, with the name of its values. */
  readonly fits: ReadonlyMap<Parameter, string>;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshapen: readonly string[];
  readonly untied: readonly string[];
}

const describe = ({ dtype, shape }: TensorSpec) => `${dtype}${formatShape(shape)}`;

/**
 * Compares the specs of values with a model's `state()`. A tied parameter needs values under only one of its names, an
 * `optional` buffer none; f32 and f16 fit each other.
 */
export function matchState(
  state: ReadonlyMap<string, Parameter>,
  values: ReadonlyMap<string, TensorSpec>,
): StateMismatch {
  const fits = new Map<Parameter, string>();
  for (const [name, parameter] of state) if (values.has(name) && !fits.has(parameter)) fits.set(parameter, name);
  const needed = ([name, parameter]: readonly [string, Parameter]) =>
    !values.has(name) && !fits.has(parameter) && !(parameter instanceof Buffer && parameter.optional);
  const misshapen = [...state].flatMap(([name, parameter]) => {
    const value = values.get(name);
    const convertible =
      value && (value.dtype === parameter.dtype || (isFloat(value.dtype) && isFloat(parameter.dtype)));
    if (!value || (convertible && sameShape(value.shape, parameter.shape))) return [];
    return [`${name} (is ${describe(value)}, needs ${describe(parameter)})`];
  });
  return {
    fits,
    missing: [...state].filter(needed).map(([name]) => name),
    unexpected: [...values.keys()].filter((name) => !state.has(name)),
    misshapen,
    untied: [],
  };
}

/** Writes `values` to the parameters of `state`, all or none: throws a StateDictError if any does not fit. */
export function writeState(
  model: string,
  state: ReadonlyMap<string, Parameter>,
  values: ReadonlyMap<string, TensorData>,
): void {
  const { fits, ...found } = matchState(state, values);
  const untied = [...state].flatMap(([name, parameter]) => {
    const first = values.get(fits.get(parameter) ?? '');
    const own = values.get(name);
    if (!first || !own || own === first || !sameShape(own.shape, first.shape)) return [];
    const equal = own.dtype === first.dtype && own.data.every((value, i) => Object.is(value, first.data[i]));
    return equal ? [] : [`${name} and ${fits.get(parameter)}`];
  });
  const { missing, unexpected, misshapen } = found;
  if (missing.length + unexpected.length + misshapen.length + untied.length > 0) {
    throw new StateDictError(model, { ...found, untied });
  }
  // All conversions precede the first write, since one may run out of memory.
  const ready = [...fits].map(
    ([parameter, name]) => [parameter, convertFloats(values.get(name)!, parameter.dtype)] as const,
  );
  for (const [parameter, value] of ready) parameter.write(value);
}

/** The most likely causes, and what to do. */
function remedies({ missing, unexpected, misshapen, untied }: Omit<StateMismatch, 'fits'>): string[] {
  const found: string[] = [];
  const added = commonPrefix(unexpected, missing);
  const dropped = commonPrefix(missing, unexpected);
  if (added) found.push(`Names differ by the prefix "${added}": remove it from the values' names.`);
  else if (dropped) found.push(`Names differ by the prefix "${dropped}": add it to the values' names.`);
  else if (missing.length > 0 && unexpected.length > 0)
    found.push('The weights may be for another model, or for another config of it.'); // prettier-ignore
  else if (missing.length > 0) found.push('The weights are incomplete, or for a model with fewer layers.');
  else if (unexpected.length > 0) found.push('The weights are for a model with more layers: check the config.');
  if (misshapen.length > 0) found.push('For shapes that differ, build the model with the config that the weights were trained with.'); // prettier-ignore
  if (untied.length > 0) found.push('For values that differ, build the model without tying these parameters.');
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
