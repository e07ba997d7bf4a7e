// Interpolated Kneser-Ney smoothing: the n-gram baseline for neural language models.

/** Options of `KneserNey`. */
export interface KneserNeyOptions {
  /** Length n of the longest n-grams, whose last token is predicted from the others. */
  readonly order: number;
  /** Number of distinct ids. */
  readonly vocabularySize: number;
  /** Subtracted from each count and redistributed to unseen tokens (default 0.75, as usual). */
  readonly discount?: number;
}

/** A map from (sequence, next id) to the number of the extended sequence: open addressing in flat arrays. */
class Extensions {
  #capacity = 1 << 16;
  #parents = new Int32Array(this.#capacity).fill(-1);
  #tokens = new Int32Array(this.#capacity);
  #children = new Int32Array(this.#capacity);
  size = 0;

  /** The number of `parent` followed by `token`, or -1. */
  get(parent: number, token: number): number {
    const slot = this.#slot(parent, token);
    return this.#parents[slot] === -1 ? -1 : this.#children[slot];
  }

  set(parent: number, token: number, child: number): void {
    if (2 * ++this.size > this.#capacity) this.#grow();
    const slot = this.#slot(parent, token);
    [this.#parents[slot], this.#tokens[slot], this.#children[slot]] = [parent, token, child];
  }

  #slot(parent: number, token: number): number {
    const mask = this.#capacity - 1;
    let slot = Math.imul(Math.imul(parent, 0x9e3779b1) ^ token, 0x85ebca6b);
    slot = (slot ^ (slot >>> 15)) & mask;
    while (this.#parents[slot] !== -1 && (this.#parents[slot] !== parent || this.#tokens[slot] !== token)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const [parents, tokens, children] = [this.#parents, this.#tokens, this.#children];
    this.#capacity *= 2;
    this.#parents = new Int32Array(this.#capacity).fill(-1);
    this.#tokens = new Int32Array(this.#capacity);
    this.#children = new Int32Array(this.#capacity);
    for (let i = 0; i < parents.length; i++) {
      if (parents[i] === -1) continue;
      const slot = this.#slot(parents[i], tokens[i]);
      [this.#parents[slot], this.#tokens[slot], this.#children[slot]] = [parents[i], tokens[i], children[i]];
    }
  }
}

/** A growing array of counters. */
class Counts {
  #values = new Int32Array(1 << 16);

  get(i: number): number {
    return i < this.#values.length ? this.#values[i] : 0;
  }

  increment(i: number): void {
    if (i >= this.#values.length) {
      const larger = new Int32Array(Math.max(2 * this.#values.length, i + 1));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[i]++;
  }
}

/** The number of the empty sequence. */
const EMPTY = 0;

/**
 * An n-gram language model (Kneser and Ney, "Improved backing-off for m-gram language modeling", 1995, interpolated as in
 * Chen and Goodman, "An empirical study of smoothing techniques", 1998). Sequences of full order count their occurrences,
 * shorter ones the distinct tokens that precede them; the shortest back off to the uniform distribution.
 */
export class KneserNey {
  readonly order: number;
  readonly vocabularySize: number;
  readonly discount: number;
  readonly #extensions = new Extensions();
  /** Per sequence: its count, and of its extensions by one token, the sum of counts and their number. */
  readonly #count = new Counts();
  readonly #total = new Counts();
  readonly #kinds = new Counts();
  #sequences = 1;

  private constructor({ order, vocabularySize, discount = 0.75 }: KneserNeyOptions) {
    if (!(Number.isInteger(order) && order >= 1))
      throw new Error(`KneserNey: the order must be an integer of at least 1, but is ${order}.`);
    this.order = order;
    this.vocabularySize = vocabularySize;
    this.discount = discount;
  }

  /** Counts the n-grams of `ids`. A million characters at order 6 take about a second. */
  static fit(ids: Int32Array, options: KneserNeyOptions): KneserNey {
    if (ids.length === 0) throw new Error('KneserNey: the text to count is empty.');
    const model = new KneserNey(options);
    for (let length = 1; length <= model.order; length++) model.#countSequences(ids, length);
    return model;
  }

  /** Counts all sequences of one length, after those of length - 1. */
  #countSequences(ids: Int32Array, length: number): void {
    for (let end = length - 1; end < ids.length; end++) {
      const context = this.#find(ids, end - length + 1, end);
      let sequence = this.#extensions.get(context, ids[end]);
      if (sequence < 0) {
        sequence = this.#sequences++;
        this.#extensions.set(context, ids[end], sequence);
        // One more distinct token precedes the sequence without its first token.
        if (length > 1) this.#note(this.#find(ids, end - length + 2, end), this.#find(ids, end - length + 2, end + 1));
      }
      if (length === this.order) this.#note(context, sequence);
    }
  }

  /** Increments the count of `sequence`, which extends `context` by one token. */
  #note(context: number, sequence: number): void {
    if (this.#count.get(sequence) === 0) this.#kinds.increment(context);
    this.#count.increment(sequence);
    this.#total.increment(context);
  }

  /** The number of the sequence ids[from … to - 1], or -1. */
  #find(ids: Int32Array, from: number, to: number): number {
    let sequence = EMPTY;
    for (let i = from; i < to && sequence >= 0; i++) sequence = this.#extensions.get(sequence, ids[i]);
    return sequence;
  }

  /** The probability of ids[place], given up to order - 1 ids before it. */
  probability(ids: Int32Array, place: number): number {
    let result = 1 / this.vocabularySize;
    for (let length = 0; length < this.order && length <= place; length++) {
      const context = this.#find(ids, place - length, place);
      const total = context < 0 ? 0 : this.#total.get(context);
      if (total === 0) break;
      const sequence = this.#extensions.get(context, ids[place]);
      const count = sequence < 0 ? 0 : this.#count.get(sequence);
      result = (Math.max(count - this.discount, 0) + this.discount * this.#kinds.get(context) * result) / total;
    }
    return result;
  }

  /** Nats per token over `ids`: the mean of -log(probability). */
  nats(ids: Int32Array): number {
    if (ids.length === 0) throw new Error('KneserNey: the text to measure is empty.');
    let sum = 0;
    for (let place = 0; place < ids.length; place++) sum -= Math.log(this.probability(ids, place));
    return sum / ids.length;
  }
}
