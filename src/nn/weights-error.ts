// The error for weights that do not match a model: mismatches grouped by cause, with suggested fixes.

import { formatShape, type Shape } from '../core/shape.ts';
import type { TensorSpec } from '../core/tensor.ts';

/** A parameter whose values have a different shape or type. */
export interface Misfit {
  /** The model's name. */
  readonly name: string;
  /** The values' shape and type; `type` is a dtype or a file's name for it. */
  readonly found: { readonly shape: Shape; readonly type: string };
  readonly needed: TensorSpec;
}

/** All mismatches between named values and a model. */
export interface WeightsMismatch {
  /** The model's names without values. */
  readonly missing: readonly string[];
  /** Names that are not in the model. */
  readonly unexpected: readonly string[];
  readonly shapes: readonly Misfit[];
  /** Types that are not converted: a float for an integer, or the reverse. */
  readonly dtypes: readonly Misfit[];
  /** Pairs of names of one tied parameter with different values. */
  readonly untied: readonly (readonly [string, string])[];
}

/** Whether anything differs. */
export const isMismatch = ({ missing, unexpected, shapes, dtypes, untied }: WeightsMismatch): boolean =>
  [missing, unexpected, shapes, dtypes, untied].some((names) => names.length > 0);

/** Maximum number of names per group in the message; the error's properties have all. */
const SHOWN = 6;

function group(title: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > SHOWN ? ` … and ${names.length - SHOWN} more` : '';
  return `\n  ${title} (${names.length}): ${names.slice(0, SHOWN).join(', ')}${more}`;
}

/** Weights from a file, a checkpoint or a state dict do not match the model; lists every mismatch. Nothing was changed. */
export class WeightsError extends Error {
  /** The model's names without values. */
  readonly missing: readonly string[];
  /** Names that are not in the model. */
  readonly unexpected: readonly string[];
  /** The model's names with a wrong shape. */
  readonly shapes: readonly string[];
  /** The model's names with a wrong type. */
  readonly dtypes: readonly string[];
  /** Pairs of names of one tied parameter with different values. */
  readonly untied: readonly (readonly [string, string])[];

  /**
   * @param model the model's name in the message.
   * @param remedies sentences that say what most likely happened and what to do.
   * @param source the file's name in the message, if there is a file.
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
