// What BERT is pre-trained on: batches of two segments with masked places.

import { RandomSource, spec } from '../../../src/index.ts';

/** The tokens that the vocabulary begins with, in the order of their numbers. */
export const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;
const [, , CLS, SEP, MASK] = specialTokens.keys();
const FIRST = specialTokens.length;

/** How `pretrainingBatches` makes batches. */
export interface PretrainingOptions {
  readonly batchSize: number;
  /** Tokens of an input. */
  readonly length: number;
  /** Share of the tokens to predict. */
  readonly masked: number;
  readonly vocabularySize: number;
  readonly seed: number;
}

/**
 * Inputs `[CLS] first [SEP] second [SEP]`, both segments of one length. In half of them the second segment follows the first; in
 * the others it is from another place of the texts. Of the places to predict eight in ten become [MASK], one a random
 * character, one stays. A batch depends on the seed and the step alone.
 */
export function pretrainingBatches(chapters: readonly Int32Array[], options: PretrainingOptions) {
  const { batchSize, length, masked, vocabularySize, seed } = options;
  const [first, second] = [Math.floor((length - 3) / 2), Math.ceil((length - 3) / 2)];
  const places = first + second;
  const texts = chapters.filter((chapter) => chapter.length >= places);
  // A place is drawn among all characters at which an input can begin.
  const starts = texts.map((text) => text.length - places + 1);
  const total = starts.reduce((sum, count) => sum + count, 0);
  const asked = Math.round(places * masked);
  const count = batchSize * asked;

  const draw = (random: RandomSource) => {
    let at = random.integer(total);
    const text = starts.findIndex((here) => (at -= here) < 0);
    return { text: texts[text], at: at + starts[text] };
  };

  return {
    specs: {
      input_ids: spec([batchSize, length], 'i32'),
      token_type_ids: spec([batchSize, length], 'i32'),
      positions: spec([count], 'i32'),
      labels: spec([count], 'i32'),
      follows: spec([batchSize], 'i32'),
    },
    batch(step: number) {
      const random = new RandomSource(seed, 0xbe470000 + step);
      const input_ids = new Int32Array(batchSize * length);
      const token_type_ids = new Int32Array(batchSize * length);
      const positions = new Int32Array(count);
      const labels = new Int32Array(count);
      const follows = new Int32Array(batchSize); // 0: it follows; 1: it does not
      for (let row = 0; row < batchSize; row++) {
        const { text, at } = draw(random);
        follows[row] = random.integer(2);
        const other = follows[row] ? draw(random) : { text, at };
        const [a, b] = [text.subarray(at, at + first), other.text.subarray(other.at + first, other.at + places)];
        const ids = Int32Array.of(CLS, ...a, SEP, ...b, SEP);
        const inside = random.permutation(places).subarray(0, asked).toSorted();
        inside.forEach((place, i) => {
          const position = place < first ? place + 1 : place + 2; // after [CLS]; after [CLS] and [SEP]
          positions[row * asked + i] = row * length + position;
          labels[row * asked + i] = ids[position];
          const chance = random.integer(10);
          if (chance < 8) ids[position] = MASK;
          else if (chance === 8) ids[position] = FIRST + random.integer(vocabularySize - FIRST);
        });
        input_ids.set(ids, row * length);
        token_type_ids.fill(1, row * length + first + 2, (row + 1) * length);
      }
      return { input_ids, token_type_ids, positions, labels, follows };
    },
  };
}
