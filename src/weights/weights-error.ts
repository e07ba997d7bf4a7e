// The error for weights that do not match a model: mismatches grouped by cause, with suggested fixes.

import type { DType } from '../core/dtype.ts';
import { formatShape } from '../core/shape.ts';
import type { Module } from '../nn/module.ts';
import { familyOf } from './quirks.ts';
import type { WeightEntry, WeightSource } from './weight-source.ts';

interface Spec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A parameter whose tensor in the file has a different shape or type. */
export interface Misfit {
  /** The model's name. */
  readonly name: string;
  readonly file: WeightEntry;
  readonly model: Spec;
}

/** Everything known about a failed load plan. */
export interface Findings {
  readonly source: WeightSource;
  readonly state: ReadonlyMap<string, Spec>;
  /** The model's name → the file's name, after prefix and rename. */
  readonly inFile: ReadonlyMap<string, string>;
  readonly prefix: { readonly dropped: string; readonly added: string };
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly shapes: readonly Misfit[];
  readonly dtypes: readonly Misfit[];
}

const SHOWN = 6;

/** The weights do not match the model; lists every mismatch. The model is unchanged. */
export class WeightsError extends Error {
  /** The model's names that are not in the file. */
  readonly missing: readonly string[];
  /** The file's names that are not in the model. */
  readonly unexpected: readonly string[];
  /** The model's names with a different shape in the file. */
  readonly shapes: readonly string[];
  /** The model's names whose type in the file cannot be converted: a float for an integer, or the reverse. */
  readonly dtypes: readonly string[];

  constructor(model: Module, findings: Findings) {
    const { source, missing, unexpected, shapes, dtypes } = findings;
    const group = (title: string, names: readonly string[]) => {
      if (names.length === 0) return '';
      const more = names.length > SHOWN ? ` … and ${names.length - SHOWN} more` : '';
      return `\n  ${title} (${names.length}): ${names.slice(0, SHOWN).join(', ')}${more}`;
    };
    super(
      `${source.name}: These weights are not for ${model.title}; nothing was changed:` +
        group('missing', missing) +
        group('unexpected', unexpected) +
        group('wrong shape', shapes.map(({ name, file, model }) => `${name} (is ${formatShape(file.shape)}, needs ${formatShape(model.shape)})`)) +
        group('wrong dtype', dtypes.map(({ name, file, model }) => `${name} (is ${file.stored}, needs ${model.dtype})`)) +
        remedies(model, findings).map((line) => `\n  → ${line}`).join(''),
    ); // prettier-ignore
    this.name = 'WeightsError';
    this.missing = missing;
    this.unexpected = unexpected;
    this.shapes = shapes.map(({ name }) => name);
    this.dtypes = dtypes.map(({ name }) => name);
  }
}

function remedies(model: Module, findings: Findings): string[] {
  const { source, state, inFile, prefix, missing, unexpected, shapes } = findings;
  const lines: string[] = [];
  const matched = [...inFile.keys()].filter((name) => state.has(name)).length;
  const [theirs, ours] = [familyOf(source.entries.keys()), familyOf(state.keys())];
  if (matched === 0) {
    const some = (names: Iterable<string>) => [...names].slice(0, 3).join(', ');
    lines.push(
      `A different model: no name matches. ${theirs ? `The file looks like ${theirs}. ` : ''}` +
        `The file starts with ${some(source.entries.keys())}; the model with ${some(state.keys())}.`,
    );
    return lines;
  }
  if (prefix.dropped || prefix.added) {
    const parts = [
      prefix.dropped && `"${prefix.dropped}" removed from`,
      prefix.added && `"${prefix.added}" added to`,
    ].filter(Boolean);
    lines.push(`The names were compared after ${parts.join(' and ')} the file's names.`);
  }
  if (theirs && ours && theirs !== ours) lines.push(`The file looks like ${theirs}, the model like ${ours}.`);
  const config = [...counts(model, findings), ...widths(model, shapes)];
  if (config.length > 0) lines.push(`A different config: ${config.join('; ')}.`);
  const turned = shapes.filter(({ file, model }) => `${[...file.shape].reverse()}` === `${model.shape}`);
  if (turned.length > 0 && turned.length === shapes.length) {
    lines.push("The shapes are transposed, as in GPT-2's Conv1D: pass map: transposeWeights(PATTERN).");
  }
  if (config.length > 0) return lines;
  if (
    [...unexpected].some((name) => /conv_block\.6\./.test(name)) &&
    missing.some((name) => /conv_block\.5\./.test(name))
  ) {
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

/** Layer lists of different lengths, such as `h.0` to `h.11` in the file but only to `h.3` in the model. */
function counts(model: Module, { state, inFile }: Findings): string[] {
  const lengths = (names: Iterable<string>) => {
    const found = new Map<string, number>();
    for (const name of names) {
      const list = /^(.*?)\.?(\d+)\./.exec(name);
      if (list) found.set(list[1], Math.max(found.get(list[1]) ?? 0, Number(list[2]) + 1));
    }
    return found;
  };
  const [theirs, ours] = [lengths(inFile.keys()), lengths(state.keys())];
  return [...theirs].flatMap(([list, count]) => {
    const own = ours.get(list);
    if (own === undefined || own === count) return [];
    return [
      `${named(model, own, /layer|depth|block/i) ?? `${list || 'list'}.*`} ${count} in the file, ${own} in the model`,
    ];
  });
}

/** The most common size mismatches, such as 768 in the file and 128 in the model. */
function widths(model: Module, shapes: readonly Misfit[]): string[] {
  const found = new Map<string, number>();
  for (const { file, model } of shapes) {
    if (file.shape.length !== model.shape.length) continue;
    const pairs = new Set(file.shape.flatMap((dim, i) => (dim === model.shape[i] ? [] : [`${dim} ${model.shape[i]}`])));
    for (const pair of pairs) found.set(pair, (found.get(pair) ?? 0) + 1);
  }
  const common = [...found].sort(([, a], [, b]) => b - a).slice(0, 3);
  return common.flatMap(([pair]) => {
    const [theirs, ours] = pair.split(' ').map(Number);
    const name = named(model, ours);
    return name ? [`${name} ${theirs} in the file, ${ours} in the model`] : [];
  });
}

/** The model's config field with this value, if there is exactly one. */
function named(model: Module, value: number, pattern = /./): string | null {
  const { config } = model as { config?: unknown };
  if (typeof config !== 'object' || config === null) return null;
  const names = Object.entries(config).filter(([key, own]) => own === value && pattern.test(key));
  return names.length === 1 ? names[0][0] : null;
}
