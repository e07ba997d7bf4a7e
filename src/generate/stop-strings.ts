// Ends a text at the first of some strings: text that may be the beginning of one is held back until it is decided.

/** Filters a text that comes in pieces. */
export class StopStrings {
  readonly #strings: readonly string[];
  #held = '';

  constructor(strings: readonly string[]) {
    if (strings.includes(''))
      throw new Error('A stop string is empty, so no text would ever be generated; leave it out.');
    this.#strings = strings;
  }

  /** What of the text may be shown now, and whether a stop string has come; it and all behind it are cut off. */
  push(piece: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + piece;
    const places = this.#strings.map((string) => all.indexOf(string)).filter((place) => place >= 0);
    if (places.length > 0) {
      this.#held = '';
      return { text: all.slice(0, Math.min(...places)), stopped: true };
    }
    let safe = all.length;
    for (const string of this.#strings) {
      // The longest end of the text that begins the string.
      for (let length = Math.min(string.length - 1, all.length); length > 0; length--) {
        if (!string.startsWith(all.slice(all.length - length))) continue;
        safe = Math.min(safe, all.length - length);
        break;
      }
    }
    this.#held = all.slice(safe);
    return { text: all.slice(0, safe), stopped: false };
  }

  /** What was held back, when the text ends without a stop string. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}
