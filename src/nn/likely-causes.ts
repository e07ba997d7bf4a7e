// Why weights may not match a model: they belong to a different model, or to a different config of it.

import type { Shape } from '../core/shape.ts';
import type { Misfit } from './weights-error.ts';

/** Weights and the model they do not match. */
export interface Comparison {
  /** Where the weights come from, for the messages. */
  readonly holder: 'file' | 'state dict' | 'checkpoint';
  /** The names of the weights, mapped to the model's. */
  readonly names: readonly string[];
  /** The model's names. */
  readonly wanted: readonly string[];
  readonly shapes: readonly Misfit[];
  /** The model's config, whose field names are used in the messages. */
  readonly config?: unknown;
}

/** Well-known models, by a parameter name that only they have. */
const families: readonly (readonly [name: RegExp, family: string])[] = [
  [/(^|\.)h\.\d+\.attn\.c_attn\./, 'GPT-2'],
  [/(^|\.)encoder\.layer\.\d+\.attention\.self\.query\./, 'BERT'],
  [/(^|\.)layers\.\d+\.self_attn\.rotary|(^|\.)layers\.\d+\.mlp\.gate_proj\./, 'Llama'],
  [/(^|\.)visual\.transformer\.resblocks\./, "OpenAI's CLIP"],
  [/(^|\.)vision_model\.encoder\.layers\./, "Hugging Face's CLIP"],
  [/(^|\.)final_logits_bias$/, 'Marian or BART'],
  [/(^|\.)synthesis\.b\d+\.|(^|\.)b\d+\.torgb\./, 'StyleGAN2'],
  [/(^|\.)model\.\d+\.conv_block\./, "CycleGAN's generator"],
  [/(^|\.)evoformer(_iteration)?[./]/, 'AlphaFold'],
  [/(^|\.)weight_ih_l0$/, 'a PyTorch RNN'],
];

/** The well-known model that these names come from, such as "GPT-2"; undefined if unknown. */
const familyOf = (names: readonly string[]): string | undefined =>
  families.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];

/** Sentences that say how the weights' model or config differs from this one; empty if nothing is found. */
export function likelyCauses(comparison: Comparison): string[] {
  const { holder, names, wanted } = comparison;
  const [theirs, ours] = [familyOf(names), familyOf(wanted)];
  const known = new Set(wanted);
  if (names.length === 0 && wanted.length > 0) return [`The ${holder} has no weights of this model.`];
  if (wanted.length > 0 && !names.some((name) => known.has(name))) {
    const some = (all: readonly string[]) => all.slice(0, 3).join(', ');
    const family = theirs ? `The ${holder} looks like ${theirs}. ` : '';
    return [
      `A different model: no name matches. ${family}The ${holder} starts with ${some(names)}; the model with ${some(wanted)}.`,
    ];
  }
  const causes: string[] = [];
  if (theirs && ours && theirs !== ours) causes.push(`The ${holder} looks like ${theirs}, the model like ${ours}.`);
  const config = [...counts(comparison), ...widths(comparison)];
  if (config.length > 0) causes.push(`A different config: ${config.join('; ')}.`);
  return causes;
}

/** Layer lists of different lengths, such as `h.0` to `h.11` in the file but only to `h.3` in the model. */
function counts({ holder, names, wanted, config }: Comparison): string[] {
  const lengths = (all: readonly string[]) => {
    const found = new Map<string, number>();
    for (const name of all) {
      const list = /^(.*?)\.?(\d+)\./.exec(name);
      if (list) found.set(list[1], Math.max(found.get(list[1]) ?? 0, Number(list[2]) + 1));
    }
    return found;
  };
  const [theirs, ours] = [lengths(names), lengths(wanted)];
  return [...theirs].flatMap(([list, count]) => {
    const own = ours.get(list);
    if (own === undefined || own === count) return [];
    const option = optionOf(config, own, /layer|depth|block/i) ?? `${list || 'list'}.*`;
    return [`${option} ${count} in the ${holder}, ${own} in the model`];
  });
}

/** The most common size mismatches, such as 768 in the file and 128 in the model. */
function widths({ holder, shapes, config }: Comparison): string[] {
  const seen = new Map<string, number>();
  const differing = (theirs: Shape, ours: Shape) =>
    new Set(theirs.flatMap((dim, i) => (dim === ours[i] ? [] : [`${dim} ${ours[i]}`])));
  for (const { found, needed } of shapes) {
    if (found.shape.length !== needed.shape.length) continue;
    for (const pair of differing(found.shape, needed.shape)) seen.set(pair, (seen.get(pair) ?? 0) + 1);
  }
  const common = [...seen].sort(([, a], [, b]) => b - a).slice(0, 3);
  return common.flatMap(([pair]) => {
    const [theirs, ours] = pair.split(' ').map(Number);
    const option = optionOf(config, ours);
    return option ? [`${option} ${theirs} in the ${holder}, ${ours} in the model`] : [];
  });
}

/** The config field with this value, if there is exactly one. */
function optionOf(config: unknown, value: number, pattern = /./): string | null {
  if (typeof config !== 'object' || config === null) return null;
  const options = Object.entries(config).filter(([key, own]) => own === value && pattern.test(key));
  return options.length === 1 ? options[0][0] : null;
}

/** A model's `config`, if it has one. */
export const configOf = (model: object): unknown => (model as { readonly config?: unknown }).config;
