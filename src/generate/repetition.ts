// Notices a text that goes round in circles, as likely continuations of small models do.

/** The longest circle that is noticed, in tokens. */
const LONGEST_PERIOD = 64;
/** How often a circle must have been gone round, and how many tokens that must be at least: tables have lines of forty dashes. */
const ROUNDS = 6;
const LEAST = 120;

/** Watches tokens one by one. */
export class RepetitionGuard {
  readonly #recent: number[] = [];
  /** By period: how many of the last tokens equal the one a period before. */
  readonly #equal = new Int32Array(LONGEST_PERIOD + 1);

  /** True when the tokens so far end in six rounds of one circle of up to 64 tokens, 120 tokens at least. */
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
