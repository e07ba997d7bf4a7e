// Harmless differences in checkpoints of well-known code: extra, missing or renamed tensors.

import type { Module } from '../nn/module.ts';
import { InstanceNorm2d } from '../nn/norms/norms.ts';

/** Untrained buffers that only some versions save. The ranks tell a mask (four axes) from a trained bias (one). */
const buffers: readonly (readonly [name: RegExp, what: string, ranks?: readonly number[]])[] = [
  [/(^|\.)position_ids$/, 'positions 0, 1, 2 …, saved by old versions of transformers'],
  [/(^|\.)h\.\d+\.attn\.(masked_)?bias$/, "GPT-2's causal mask", [0, 4]],
  [/(^|\.)num_batches_tracked$/, "BatchNorm's batch counter, which is not used"],
  [/(^|\.)resample_filter$/, "StyleGAN2's filter, a constant"],
  [/(^|\.)inv_freq$/, 'rotary frequencies, a constant'],
];

/**
 * Why a tensor may be missing from the file or the model; null if it may not.
 * @param rank its number of axes.
 * @param module what the model has at the tensor's path, without the last part of its name.
 * @param hasWeight whether the file holds a `weight` beside it.
 */
export function tolerated(name: string, rank: number, module: unknown, hasWeight: boolean): string | null {
  const buffer = buffers.find(([pattern, , ranks]) => pattern.test(name) && (ranks?.includes(rank) ?? true));
  if (buffer) return buffer[1];
  // InstanceNorm has no weight; PyTorch before 0.4 saved its statistics although inference did not use them.
  if (/(^|\.)running_(mean|var)$/.test(name) && (module instanceof InstanceNorm2d || (!module && !hasWeight))) {
    return 'InstanceNorm statistics, saved by PyTorch before 0.4';
  }
  return null;
}

/** What is at `path` in a model: a module, an array of modules, or undefined. */
export function partAt(model: Module, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, key) => {
    return typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[key] : undefined;
  }, model);
}

/**
 * Old BERT files name LayerNorm's parameters gamma and beta. Renamed only in modules called LayerNorm, as others have a gamma
 * of their own (ConvNeXt's layer scale).
 */
export const modernName = (name: string): string =>
  name.replace(/(^|\.)LayerNorm\.(gamma|beta)$/, (_, dot: string, old: string) => {
    return `${dot}LayerNorm.${old === 'gamma' ? 'weight' : 'bias'}`;
  });

/** Pairs of names of a tied tensor: a file may hold either or both. */
const ties: readonly (readonly [a: RegExp, b: RegExp])[] = [
  [/(^|\.)lm_head\.weight$/, /(^|\.)(wte|embed_tokens|embed_in|shared|word_embeddings|tok_embeddings)\.weight$/],
  [/(^|\.)cls\.predictions\.decoder\.weight$/, /(^|\.)embeddings\.word_embeddings\.weight$/],
  [/(^|\.)cls\.predictions\.decoder\.bias$/, /(^|\.)cls\.predictions\.bias$/],
  [/(^|\.)(encoder|decoder)\.embed_tokens\.weight$/, /(^|\.)shared\.weight$/],
];

/** The one name in `names` that is usually tied to `name`; undefined if there is none, or several. */
export function tiedTo(name: string, names: Iterable<string>): string | undefined {
  const all = [...names].filter((other) => other !== name);
  const found = ties.flatMap(([a, b]) => {
    const partner = a.test(name) ? b : b.test(name) ? a : null;
    return partner ? all.filter((other) => partner.test(other)) : [];
  });
  return found.length === 1 ? found[0] : undefined;
}
