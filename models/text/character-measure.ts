// How well a character language model predicts a text: nats per character, given what came before.

import { natsPerToken, type CausalModel, type Module } from '../../src/index.ts';
import type { EvaluationWork } from '../entry.ts';

/** A language model that can be decoded. */
export type CharacterModel = Module & CausalModel;

/** Windows, or parts of the text, per batch. */
const ROWS = 32;
/** Characters per pass, for models without a maximum length. */
const LENGTH = 128;

/**
 * Nats per character over all of `ids` except the first, which nothing precedes. A model with a maximum length reads windows
 * that overlap by half, so that each character has at least half a window of context; a model with a memory reads the text in
 * 32 parts, each from start to end.
 */
export async function natsPerCharacter(
  model: CharacterModel,
  ids: Int32Array,
  { device, quick, onProgress, onProgram }: EvaluationWork,
): Promise<number> {
  const { maxPositions } = model;
  // During training the windows do not overlap: it is enough to know which weights are better.
  const context = maxPositions === undefined || quick ? 0 : undefined;
  const { nats } = await natsPerToken(device, model, ids, {
    length: maxPositions ?? LENGTH,
    context,
    batchSize: ROWS,
    onProgress:
      onProgress && ((done, total) => onProgress(Math.round((done / total) * (ids.length - 1)), ids.length - 1)),
    onProgram,
  });
  return nats;
}
