// How well a language model of characters predicts a text: nats a character, given what came before.

import { natsPerToken, type CausalModel, type Module } from '../../src/index.ts';
import type { EvaluationWork } from '../entry.ts';

/** A language model that can be decoded from. */
export type CharacterModel = Module & CausalModel;

/** Windows, or parts of the text, side by side. */
const ROWS = 32;
/** Characters of a pass, for models without a longest text. */
const LENGTH = 128;

/**
 * Nats a character over all of `ids` but the first, which nothing precedes. A model of a longest text reads windows that
 * overlap by half, so that at least half of its positions stand before each character; one that remembers any length reads
 * the text in 32 parts, each from its start to its end.
 */
export async function natsPerCharacter(
  model: CharacterModel,
  ids: Int32Array,
  { device, quick, onProgress, onProgram }: EvaluationWork,
): Promise<number> {
  const { maxPositions } = model;
  // While training the windows lie end to end: what matters is which weights are better.
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
