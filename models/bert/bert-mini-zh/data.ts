// BERT's pre-training data: batches of two segments with masked tokens.

import { RandomSource, spec } from '../../../src/index.ts';

/** The tokens at the start of the vocabulary, in id order. */
export const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;
const [, , CLS, SEP, MASK] = specialTokens.keys();
const FIRST = specialTokens.length;

/** Options of `pretrainingBatches`. */
export interface PretrainingOptions {
  readonly batchSize: number;
  /** Tokens per input. */
  readonly length: number;
  /** Fraction of tokens to predict. */
  readonly masked: number;
  readonly vocabularySize: number;
  readonly seed: number;
}

/**
 * Inputs `[CLS] first [SEP] second [SEP]` with segments of about equal length. In half the second segment follows the first;
 * in the others it is random. Of the tokens to predict, 80 % become [MASK], 10 % a random character, and 10 % stay. A batch
 * depends only on the seed and the step.
 */
export function pretrainingBatches(chapters: readonly Int32Array[], options: PretrainingOptions) {
  const { batchSize, length, masked, vocabularySize, seed } = options;
  const [first, second] = [Math.floor((length - 3) / 2), Math.ceil((length - 3) / 2)];
  const places = first + second;
  const texts = chapters.filter((chapter) => chapter.length >= places);
  // Positions are drawn uniformly from all possible starts.
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
