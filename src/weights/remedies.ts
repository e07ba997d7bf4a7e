// Suggested fixes for a file's weights that do not match a model, as options of loadWeights().

import { configOf, likelyCauses } from '../nn/likely-causes.ts';
import type { Module } from '../nn/module.ts';
import type { WeightsMismatch } from '../nn/weights-error.ts';

/** The compared names. */
interface Names {
  /** The file's names, mapped to the model's. */
  readonly names: readonly string[];
  /** The model's names. */
  readonly wanted: readonly string[];
  readonly prefix: { readonly dropped: string; readonly added: string };
}

/** Sentences, the most likely cause first. */
export function remediesFor(model: Module, mismatch: WeightsMismatch, { names, wanted, prefix }: Names): string[] {
  const { missing, unexpected, shapes } = mismatch;
  const lines: string[] = [];
  if (prefix.dropped || prefix.added) {
    const parts = [
      prefix.dropped && `"${prefix.dropped}" removed from`,
      prefix.added && `"${prefix.added}" added to`,
    ].filter(Boolean);
    lines.push(`The names were compared after ${parts.join(' and ')} the file's names.`);
  }
  const causes = likelyCauses({ holder: 'file', names, wanted, shapes, config: configOf(model) });
  lines.push(...causes);
  const turned = shapes.filter(({ found, needed }) => `${[...found.shape].reverse()}` === `${needed.shape}`);
  if (turned.length > 0 && turned.length === shapes.length) {
    lines.push("The shapes are transposed, as in GPT-2's Conv1D: pass map: transposeWeights(PATTERN).");
  }
  if (causes.length > 0) return lines;
  if (unexpected.some((name) => /conv_block\.6\./.test(name)) && missing.some((name) => /conv_block\.5\./.test(name))) {
    lines.push('The file was trained with dropout: build the model with dropout.');
  }
  const [part, left] = [onlyPart(missing), onlyPart(unexpected)];
  if (part && unexpected.length === 0 && shapes.length === 0) {
    lines.push(
      `Only ${part}* is missing: the file may be a base model without it. To keep its initial values, pass strict: false.`,
    );
  }
  if (left && missing.length === 0 && shapes.length === 0) {
    lines.push(
      `Only ${left}* is unexpected, such as a head. To skip it, pass ignore: /^${left.replaceAll('.', '\\.')}/.`,
    );
  }
  return lines;
}

/** The first path component if all names share it, such as `classifier.`. */
function onlyPart(names: readonly string[]): string | null {
  const first = /^[^.]+\./.exec(names[0] ?? '')?.[0];
  return first && names.every((name) => name.startsWith(first)) ? first : null;
}
