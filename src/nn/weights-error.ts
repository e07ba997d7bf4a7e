// The one error for weights that do not fit a model: all that is wrong, grouped by cause, and what may help.

import { formatShape, type Shape } from '../core/shape.ts';
import type { TensorSpec } from '../core/tensor.ts';

/** A parameter whose values have a different shape or type. */
export interface Misfit {
  /** The model's name. */
  readonly name: string;
  /** What the values are; `type` is a dtype, or what a file calls it. */
  readonly found: { readonly shape: Shape; readonly type: string };
  readonly needed: TensorSpec;
}

/** All in which values by name differ from a model. */
export interface WeightsMismatch {
  /** Names that the model has and the values lack. */
  readonly missing: readonly string[];
  /** Names that the model does not have. */
  readonly unexpected: readonly string[];
  readonly shapes: readonly Misfit[];
  /** Types that are not converted: numbers with a fraction for whole ones, or the other way round. */
  readonly dtypes: readonly Misfit[];
  /** Pairs of names of one tied parameter whose values differ. */
  readonly untied: readonly (readonly [string, string])[];
}

/** Whether anything differs. */
export const isMismatch = ({ missing, unexpected, shapes, dtypes, untied }: WeightsMismatch): boolean =>
  [missing, unexpected, shapes, dtypes, untied].some((names) => names.length > 0);

/** Names of a group that the message shows; the error's properties hold all. */
const SHOWN = 6;

function group(title: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > SHOWN ? ` … and ${names.length - SHOWN} more` : '';
  return `\n  ${title} (${names.length}): ${names.slice(0, SHOWN).join(', ')}${more}`;
}

/** Weights that do not fit a model, from a file, a checkpoint or by name, with everything that is wrong. Nothing was changed. */
export class WeightsError extends Error {
  /** Names that the model has and the values lack. */
  readonly missing: readonly string[];
  /** Names that the model does not have. */
  readonly unexpected: readonly string[];
  /** The model's names whose shape differs. */
  readonly shapes: readonly string[];
  /** The model's names whose type differs. */
  readonly dtypes: readonly string[];
  /** Pairs of names of one tied parameter whose values differ. */
  readonly untied: readonly (readonly [string, string])[];

  /**
   * @param model what errors call the model.
   * @param remedies sentences: what most likely happened, and what to do.
   * @param source what errors call the file, where there is one.
   */
  constructor(model: string, mismatch: WeightsMismatch, remedies: readonly string[] = [], source?: string) {
    const { missing, unexpected, shapes, dtypes, untied } = mismatch;
    const shapeOf = ({ name, found, needed }: Misfit) =>
      `${name} (is ${formatShape(found.shape)}, needs ${formatShape(needed.shape)})`;
    const typeOf = ({ name, found, needed }: Misfit) => `${name} (is ${found.type}, needs ${needed.dtype})`;
    super(
      `${source === undefined ? '' : `${source}: `}These weights are not for ${model}; nothing was changed:` +
        group('missing', missing) +
        group('unexpected', unexpected) +
        group('wrong shape', shapes.map(shapeOf)) +
        group('wrong dtype', dtypes.map(typeOf)) +
        group('tied in the model, but different values', untied.map((pair) => pair.join(' and '))) +
        remedies.map((remedy) => `\n  → ${remedy}`).join(''),
    ); // prettier-ignore
    this.name = 'WeightsError';
    [this.missing, this.unexpected, this.untied] = [missing, unexpected, untied];
    [this.shapes, this.dtypes] = [shapes, dtypes].map((misfits) => misfits.map(({ name }) => name));
  }
}
