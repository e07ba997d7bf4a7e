// What checkpoints of well-known code carry, lack or call otherwise, though they fit: see models/README.md for the sources.

import type { Module } from '../nn/module.ts';
import { InstanceNorm2d } from '../nn/norms/norms.ts';

/** Buffers that some versions save and others do not; none of them was trained. A mask has four axes, a trained bias one. */
const buffers: readonly (readonly [name: RegExp, what: string, ranks?: readonly number[]])[] = [
  [/(^|\.)position_ids$/, 'positions 0, 1, 2 …, which old versions of transformers saved'],
  [/(^|\.)h\.\d+\.attn\.(masked_)?bias$/, "GPT-2's causal mask", [0, 4]],
  [/(^|\.)num_batches_tracked$/, "BatchNorm's count of batches, which nothing reads"],
  [/(^|\.)resample_filter$/, "StyleGAN2's filter, a constant"],
  [/(^|\.)inv_freq$/, 'rotary frequencies, a constant'],
];

/**
 * Why a tensor that only the file or only the model has is no loss; null for one that is.
 * @param rank how many axes it has.
 * @param module what the model has at the tensor's path, without the last part of its name.
 * @param hasWeight whether the file holds a `weight` beside it.
 */
export function tolerated(name: string, rank: number, module: unknown, hasWeight: boolean): string | null {
  const buffer = buffers.find(([pattern, , ranks]) => pattern.test(name) && (ranks?.includes(rank) ?? true));
  if (buffer) return buffer[1];
  // InstanceNorm's are plain ones without a weight, which PyTorch before 0.4 saved although inference did not use them.
  if (/(^|\.)running_(mean|var)$/.test(name) && (module instanceof InstanceNorm2d || (!module && !hasWeight))) {
    return 'statistics of InstanceNorm, which PyTorch before 0.4 saved';
  }
  return null;
}

/** What stands at `path` in a model: a module, an array of them, or nothing. */
export function partAt(model: Module, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, key) => {
    return typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[key] : undefined;
  }, model);
}

/**
 * Old BERT files call a LayerNorm's parameters gamma and beta. Only where the module is called LayerNorm: other modules have
 * a gamma of their own (ConvNeXt's layer scale).
 */
export const modernName = (name: string): string =>
  name.replace(/(^|\.)LayerNorm\.(gamma|beta)$/, (_, dot: string, old: string) => {
    return `${dot}LayerNorm.${old === 'gamma' ? 'weight' : 'bias'}`;
  });

/** Names of one tied tensor: a file may hold either or both. */
const ties: readonly (readonly [a: RegExp, b: RegExp])[] = [
  [/(^|\.)lm_head\.weight$/, /(^|\.)(wte|embed_tokens|embed_in|shared|word_embeddings|tok_embeddings)\.weight$/],
  [/(^|\.)cls\.predictions\.decoder\.weight$/, /(^|\.)embeddings\.word_embeddings\.weight$/],
  [/(^|\.)cls\.predictions\.decoder\.bias$/, /(^|\.)cls\.predictions\.bias$/],
  [/(^|\.)(encoder|decoder)\.embed_tokens\.weight$/, /(^|\.)shared\.weight$/],
];

/** Of `names`, the only one that is usually tied to `name`; undefined if there is none, or several. */
export function tiedTo(name: string, names: Iterable<string>): string | undefined {
  const all = [...names].filter((other) => other !== name);
  const found = ties.flatMap(([a, b]) => {
    const partner = a.test(name) ? b : b.test(name) ? a : null;
    return partner ? all.filter((other) => partner.test(other)) : [];
  });
  return found.length === 1 ? found[0] : undefined;
}

/** Well-known models, by a name that only they have. */
const families: readonly (readonly [name: RegExp, family: string])[] = [
  [/(^|\.)h\.\d+\.attn\.c_attn\./, 'GPT-2'],
  [/(^|\.)encoder\.layer\.\d+\.attention\.self\.query\./, 'BERT'],
  [/(^|\.)layers\.\d+\.self_attn\.rotary|(^|\.)layers\.\d+\.mlp\.gate_proj\./, 'a Llama'],
  [/(^|\.)visual\.transformer\.resblocks\./, "OpenAI's CLIP"],
  [/(^|\.)vision_model\.encoder\.layers\./, 'CLIP of Hugging Face'],
  [/(^|\.)final_logits_bias$/, 'Marian or BART'],
  [/(^|\.)synthesis\.b\d+\.|(^|\.)b\d+\.torgb\./, 'StyleGAN2'],
  [/(^|\.)model\.\d+\.conv_block\./, "CycleGAN's generator"],
  [/(^|\.)evoformer(_iteration)?[./]/, 'AlphaFold'],
  [/(^|\.)weight_ih_l0$/, 'a recurrent network of PyTorch'],
];

/** What names look like, such as "GPT-2"; undefined for names that nothing is known of. */
export const familyOf = (names: Iterable<string>): string | undefined => {
  const all = [...names];
  return families.find(([pattern]) => all.some((name) => pattern.test(name)))?.[1];
};
