// Text as numbers, in windows: batches to train on, and the part that is held out.

import { RandomSource, spec } from '../../../src/index.ts';

/** The characters of `text` in the order of their code points; a character's place is its number. */
export const charactersOf = (text: string): string[] => [...new Set(text)].toSorted();

/** The number of each character of `text`. */
export function encodeCharacters(text: string, vocabulary: readonly string[]): Int32Array {
  const numbers = new Map(vocabulary.map((character, i) => [character, i]));
  return Int32Array.from(text, (character) => {
    const number = numbers.get(character);
    if (number === undefined) throw new Error(`The vocabulary has no ${JSON.stringify(character)}.`);
    return number;
  });
}

/** The first nine tenths to train on, the last tenth held out. */
export function splitText(ids: Int32Array): { train: Int32Array; heldOut: Int32Array } {
  const end = Math.floor(ids.length * 0.9);
  return { train: ids.subarray(0, end), heldOut: ids.subarray(end) };
}

/** How `windowBatches` cuts. */
export interface WindowOptions {
  readonly batchSize: number;
  /** Characters of a window. */
  readonly length: number;
  readonly seed: number;
}

/**
 * Windows of `ids` with what follows each character. An epoch passes over the text once, from a first character that is drawn
 * anew, in random order. A batch depends on the seed and the step alone.
 */
export function windowBatches(ids: Int32Array, { batchSize, length, seed }: WindowOptions) {
  const windows = Math.floor((ids.length - length) / length);
  const stepsPerEpoch = Math.floor(windows / batchSize);
  if (stepsPerEpoch < 1) {
    throw new Error(
      `The text is too short: a batch of ${batchSize} windows needs ${(batchSize + 1) * length + 1} characters.`,
    );
  }
  let epoch = { number: -1, first: 0, order: Uint32Array.of() as Uint32Array };
  const begin = (number: number) => {
    const random = new RandomSource(seed, 0x7e470000 + number);
    return { number, first: random.integer(length), order: random.permutation(windows) };
  };
  const shape = spec([batchSize, length], 'i32');
  return {
    specs: { ids: shape, next: shape },
    stepsPerEpoch,
    batch(step: number) {
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
