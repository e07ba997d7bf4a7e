// Batches of windows of a long text, with the next token at each position.

import { RandomSource } from '../core/random.ts';
import { spec, type TensorSpec } from '../core/tensor.ts';

/** Options of `windowBatches`. */
export interface WindowOptions {
  readonly batchSize: number;
  /** Tokens per window. */
  readonly length: number;
  readonly seed: number;
}

/** Batches of ids [B, T] and the token that follows each, `next` [B, T], i32. */
export interface WindowBatches {
  readonly specs: { readonly ids: TensorSpec; readonly next: TensorSpec };
  /** Steps per pass over the text's windows. */
  readonly stepsPerEpoch: number;
  /** The batch of a step, which depends only on the seed and the step. */
  batch(step: number): { readonly ids: Int32Array<ArrayBuffer>; readonly next: Int32Array<ArrayBuffer> };
}

/** Random stream of epoch 0; each epoch uses the next stream. */
const STREAM = 0x7e470000;

/**
 * Windows of `ids` in random order. Each epoch passes over the text once, from a random first token.
 * @throws an Error with the number of tokens needed, for a text that does not fill one batch.
 */
export function windowBatches(ids: Int32Array, { batchSize, length, seed }: WindowOptions): WindowBatches {
  for (const [name, value] of Object.entries({ batchSize, length })) {
    if (!(Number.isInteger(value) && value >= 1)) throw new Error(`windowBatches: ${name} must be an integer of at least 1, but is ${value}.`); // prettier-ignore
  }
  const windows = Math.floor((ids.length - length) / length);
  const stepsPerEpoch = Math.floor(windows / batchSize);
  if (stepsPerEpoch < 1) {
    throw new Error(
      `The text is too short: it has ${ids.length} tokens, but a batch of ${batchSize} windows of ${length} needs ` +
        `${(batchSize + 1) * length}. Use more text, a smaller batch or shorter windows.`,
    );
  }
  let epoch = { number: -1, first: 0, order: Uint32Array.of() as Uint32Array };
  const begin = (number: number) => {
    const random = new RandomSource(seed, STREAM + number);
    return { number, first: random.integer(length), order: random.permutation(windows) };
  };
  const shape = spec([batchSize, length], 'i32');
  return {
    specs: { ids: shape, next: shape },
    stepsPerEpoch,
    batch(step) {
      const number = Math.floor(step / stepsPerEpoch);
      if (epoch.number !== number) epoch = begin(number);
      const batch = { ids: new Int32Array(batchSize * length), next: new Int32Array(batchSize * length) };
      for (let row = 0; row < batchSize; row++) {
        const from = epoch.first + epoch.order[(step % stepsPerEpoch) * batchSize + row] * length;
        batch.ids.set(ids.subarray(from, from + length), row * length);
        batch.next.set(ids.subarray(from + 1, from + length + 1), row * length);
      }
      return batch;
    },
  };
}
