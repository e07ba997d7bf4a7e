// Detects repetition loops, which are common in the likely continuations of small models.

/** The longest detected loop, in tokens. */
const LONGEST_PERIOD = 64;
/** Minimum number of rounds, and of tokens in total: a table may have a line of forty dashes. */
const ROUNDS = 6;
const LEAST = 120;

/** Watches a stream of tokens. */
export class RepetitionGuard {
  readonly #recent: number[] = [];
  /** By period: how many of the last tokens in a row equal the token one period earlier. */
  readonly #equal = new Int32Array(LONGEST_PERIOD + 1);

  /** True if the tokens end in six rounds of a loop of up to 64 tokens, at least 120 tokens in total. */
  push(token: number): boolean {
    let isCircle = false;
    for (let period = 1; period <= this.#recent.length; period++) {
      const equals = this.#recent[this.#recent.length - period] === token;
      this.#equal[period] = equals ? this.#equal[period] + 1 : 0;
      isCircle ||= this.#equal[period] + period >= Math.max(ROUNDS * period, LEAST);
    }
    this.#recent.push(token);
    if (this.#recent.length > LONGEST_PERIOD) this.#recent.shift();
    return isCircle;
  }
}
