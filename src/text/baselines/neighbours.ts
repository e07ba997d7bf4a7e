// Predicts a masked token from counts of its two neighbours: a baseline for BERT.

/** How often each id of the vocabulary occurs in `ids`. */
function countsOf(ids: Int32Array, vocabularySize: number): Uint32Array {
  const counts = new Uint32Array(vocabularySize);
  for (const id of ids) counts[id]++;
  return counts;
}

/** The most frequent id in `ids`. */
export function mostFrequent(ids: Int32Array, vocabularySize: number): number {
  const counts = countsOf(ids, vocabularySize);
  return counts.indexOf(counts.reduce((a, b) => Math.max(a, b), 0));
}

/** Counts ids by context and keeps the most frequent id of each. */
class Likeliest {
  readonly #counts = new Map<number, number>();
  readonly #best = new Map<number, { id: number; count: number }>();
  readonly #vocabularySize: number;

  constructor(vocabularySize: number) {
    this.#vocabularySize = vocabularySize;
  }

  add(context: number, id: number): void {
    const key = context * this.#vocabularySize + id;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    const best = this.#best.get(context);
    if (!best || count > best.count) this.#best.set(context, { id, count });
  }

  get(context: number): number | undefined {
    return this.#best.get(context)?.id;
  }
}

/**
 * Predicts the token between two others: the most frequent between the same two, else after the same left one, else
 * overall.
 */
export class NeighbourCounts {
  readonly #both: Likeliest;
  readonly #left: Likeliest;
  readonly #vocabularySize: number;
  readonly #most: number;

  private constructor(vocabularySize: number, most: number) {
    this.#vocabularySize = vocabularySize;
    this.#both = new Likeliest(vocabularySize);
    this.#left = new Likeliest(vocabularySize);
    this.#most = most;
  }

  /** Counts the neighbours in each of `texts` (ids 0 … vocabularySize - 1; at most 200,000). */
  static fit(texts: readonly Int32Array[], vocabularySize: number): NeighbourCounts {
    if (texts.every(({ length }) => length === 0)) throw new Error('NeighbourCounts: the texts to count are empty.');
    // Three ids must fit in a number's 53 bits.
    if (vocabularySize > 200_000)
      throw new Error(`NeighbourCounts: a vocabulary of ${vocabularySize} is too large; the maximum is 200000.`);
    const all = Int32Array.from(texts.flatMap((text) => [...text]));
    const model = new NeighbourCounts(vocabularySize, mostFrequent(all, vocabularySize));
    for (const text of texts) {
      for (let i = 1; i < text.length; i++) model.#left.add(text[i - 1], text[i]);
      for (let i = 1; i + 1 < text.length; i++) model.#both.add(model.#pair(text[i - 1], text[i + 1]), text[i]);
    }
    return model;
  }

  /** The likeliest token between `left` and `right`. */
  guess(left: number, right: number): number {
    return this.#both.get(this.#pair(left, right)) ?? this.#left.get(left) ?? this.#most;
  }

  /** The fraction of the inner tokens of `texts` that `guess` predicts correctly. */
  accuracy(texts: readonly Int32Array[]): number {
    let [right, all] = [0, 0];
    for (const text of texts) {
      for (let i = 1; i + 1 < text.length; i++, all++) if (this.guess(text[i - 1], text[i + 1]) === text[i]) right++;
    }
    if (all === 0) throw new Error('NeighbourCounts: the texts to measure are shorter than three tokens.');
    return right / all;
  }

  #pair(left: number, right: number): number {
    return left * this.#vocabularySize + right;
  }
}
