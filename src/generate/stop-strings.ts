// Ends a text at the first stop string. Text that may begin one is held back until that is known.

/** Filters streamed text. */
export class StopStrings {
  readonly #strings: readonly string[];
  #held = '';

  constructor(strings: readonly string[]) {
    if (strings.includes(''))
      throw new Error('A stop string is empty, which would stop every text at once; remove it.');
    this.#strings = strings;
  }

  /** The text that can be shown now, and whether a stop string was found; the text ends before it. */
  push(piece: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + piece;
    const places = this.#strings.map((string) => all.indexOf(string)).filter((place) => place >= 0);
    if (places.length > 0) {
      this.#held = '';
      return { text: all.slice(0, Math.min(...places)), stopped: true };
    }
    let safe = all.length;
    for (const string of this.#strings) {
      // The longest suffix of the text that is a prefix of the stop string.
      for (let length = Math.min(string.length - 1, all.length); length > 0; length--) {
        if (!string.startsWith(all.slice(all.length - length))) continue;
        safe = Math.min(safe, all.length - length);
        break;
      }
    }
    this.#held = all.slice(safe);
    return { text: all.slice(0, safe), stopped: false };
  }

  /** The held-back text, when the text ends without a stop string. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}
