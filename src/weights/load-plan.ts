// Matches parameters to a file's tensors before anything is read: prefixes, renames, ties and buffers.

import { Buffer, type Parameter } from '../core/parameter.ts';
import { sameShape } from '../core/shape.ts';
import type { Module } from '../nn/module.ts';
import { WeightsError, type Misfit, type WeightsMismatch } from '../nn/weights-error.ts';
import { modernName, partAt, tiedTo, tolerated } from './quirks.ts';
import { remediesFor } from './remedies.ts';
import { canBecome } from './stored-type.ts';
import type { WeightSource } from './weight-source.ts';

/** How a file's names map to the model's. */
export interface NameOptions {
  /** Prefix to drop from the file's names, then prefix to add. Detected if omitted. */
  readonly prefix?: { readonly drop?: string; readonly add?: string };
  /** Maps a name, after the prefix, to the model's; null skips the tensor. Names missing from a record are unchanged. */
  readonly rename?: Readonly<Record<string, string | null>> | ((name: string) => string | null);
  /** Names in the file to skip. */
  readonly ignore?: RegExp;
  /** Whether every parameter and every tensor must have a match (default true). Shapes must always match. */
  readonly strict?: boolean;
}

/** Which tensors will be read into which parameters, and which will not. */
export interface LoadPlan {
  /** The model's name → the file's name, once per parameter. */
  readonly assigned: ReadonlyMap<string, string>;
  /** Pairs of names in the file that must hold equal values, because the model ties them. */
  readonly ties: readonly (readonly [string, string])[];
  readonly prefix: { readonly dropped: string; readonly added: string };
  readonly ignored: readonly { readonly name: string; readonly why: string }[];
  /** The model's names that the file lacks; these parameters keep their values. */
  readonly kept: readonly { readonly name: string; readonly why: string }[];
}

type Rename = (name: string) => string | null;

/**
 * @param state the model's parameters and buffers by name, tied ones under every name.
 * @param isMapped whether to skip the shape check, because the caller changes values after reading.
 * @throws a WeightsError that lists every mismatch.
 */
export function planLoad(
  model: Module,
  state: ReadonlyMap<string, Parameter>,
  source: WeightSource,
  options: NameOptions,
  isMapped: boolean,
): LoadPlan {
  const { strict = true, ignore } = options;
  const names = [...source.entries.keys()].filter((name) => !ignore?.test(name));
  const prefix = options.prefix
    ? { dropped: options.prefix.drop ?? '', added: options.prefix.add ?? '' }
    : findPrefix(names, state, renameOf(options.rename));
  const toModel = withPrefix(prefix, renameOf(options.rename), state);

  const ignored: { name: string; why: string }[] = [];
  const inFile = new Map<string, string>();
  for (const name of source.entries.keys()) {
    const own = ignore?.test(name) ? null : toModel(name);
    if (own === null) ignored.push({ name, why: 'skipped by the options' });
    else inFile.set(own, name);
  }

  const assigned = new Map<string, string>();
  const takes = new Map<Parameter, string>();
  const ties: [string, string][] = [];
  const unexpected: string[] = [];
  const assign = (own: string, parameter: Parameter, name: string) => {
    const taken = takes.get(parameter);
    if (taken !== undefined) return void (taken !== name && ties.push([taken, name]));
    takes.set(parameter, name);
    assigned.set(own, name);
  };
  for (const [own, name] of inFile) {
    const parameter = state.get(own);
    if (parameter) assign(own, parameter, name);
  }
  for (const [own, name] of inFile) {
    if (state.has(own)) continue;
    const partner = tiedTo(own, state.keys());
    const { shape } = source.entries.get(name)!;
    const path = own.split('.').slice(0, -1);
    const why = tolerated(own, shape.length, partAt(model, path), inFile.has([...path, 'weight'].join('.')));
    if (why) ignored.push({ name, why });
    else if (partner && sameShape(shape, state.get(partner)!.shape)) {
      if (takes.has(state.get(partner)!)) ignored.push({ name, why: `the same as ${partner}, to which it is tied` });
      assign(partner, state.get(partner)!, name);
    } else unexpected.push(name);
  }

  const missing: string[] = [];
  const kept: { name: string; why: string }[] = [];
  const seen = new Set<Parameter>();
  for (const [own, parameter] of state) {
    if (takes.has(parameter) || seen.has(parameter)) continue;
    seen.add(parameter);
    const partner = tiedTo(own, inFile.keys());
    const module = partAt(model, own.split('.').slice(0, -1));
    // Only buffers may be missing, never trained parameters.
    const why =
      parameter instanceof Buffer
        ? parameter.optional
          ? 'optional in files'
          : tolerated(own, parameter.shape.length, module, false)
        : null;
    if (partner && state.has(partner)) assign(own, parameter, inFile.get(partner)!);
    else if (why) kept.push({ name: own, why });
    else missing.push(own);
  }

  const [shapes, dtypes]: Misfit[][] = [[], []];
  for (const [own, name] of assigned) {
    const [entry, parameter] = [source.entries.get(name)!, state.get(own)!];
    const misfit = { name: own, found: { shape: entry.shape, type: entry.stored }, needed: parameter };
    if (!isMapped && !sameShape(entry.shape, parameter.shape)) shapes.push(misfit);
    else if (!canBecome(entry.stored, parameter.dtype)) dtypes.push(misfit);
  }
  const isPartial = !strict && assigned.size > 0;
  if (shapes.length + dtypes.length > 0 || (!isPartial && missing.length + unexpected.length > 0)) {
    const mismatch: WeightsMismatch = { missing, unexpected, shapes, dtypes, untied: [] };
    const remedies = remediesFor(model, mismatch, { names: [...inFile.keys()], wanted: [...state.keys()], prefix });
    throw new WeightsError(model.title, mismatch, remedies, source.name);
  }
  ignored.push(...unexpected.map((name) => ({ name, why: 'the model has no such parameter' })));
  kept.push(...missing.map((name) => ({ name, why: 'the file has no such tensor' })));
  return { assigned, ties, prefix, ignored, kept };
}

const renameOf = (rename: NameOptions['rename']): Rename => {
  if (typeof rename === 'function') return rename;
  return (name) => (rename && Object.hasOwn(rename, name) ? rename[name] : name);
};

type Prefix = LoadPlan['prefix'];

function withPrefix({ dropped, added }: Prefix, rename: Rename, state: ReadonlyMap<string, Parameter>): Rename {
  return (name) => {
    const bare = dropped && name.startsWith(dropped) ? name.slice(dropped.length) : name;
    const own = rename(added + bare);
    return own === null || state.has(own) ? own : modernName(own);
  };
}

/** The prefix with which most parameters find their tensor; none if it would not help. */
function findPrefix(names: readonly string[], state: ReadonlyMap<string, Parameter>, rename: Rename): Prefix {
  const fronts = (all: Iterable<string>) => {
    const found = new Set<string>();
    for (const name of all) {
      const parts = name.split('.');
      for (let i = 1; i < Math.min(parts.length, 4); i++) found.add(`${parts.slice(0, i).join('.')}.`);
    }
    return found;
  };
  const none = { dropped: '', added: '' };
  const candidates: Prefix[] = [
    none,
    ...[...fronts(names)].map((dropped) => ({ dropped, added: '' })),
    ...[...fronts(state.keys())].map((added) => ({ dropped: '', added })),
    // For example, a DataParallel checkpoint of a base model loaded into a model with a head.
    ...['module.', 'model.'].flatMap((dropped) =>
      names.every((name) => name.startsWith(dropped)) ? [...fronts(state.keys())].map((added) => ({ dropped, added })) : [],
    ),
  ]; // prettier-ignore
  let best = none;
  let most = -1;
  for (const prefix of candidates) {
    const toModel = withPrefix(prefix, rename, state);
    const found = new Set(names.map(toModel));
    let matches = 0;
    for (const name of state.keys()) if (found.has(name)) matches++;
    if (matches > most) [best, most] = [prefix, matches];
    if (most === state.size) break;
  }
  return best;
}
