// A cursor over a pickle's bytes that reads its numbers and strings in order.

/** Thrown when a pickle continues past the last byte. */
export class PickleEnd extends Error {
  constructor() {
    super('the pickle is truncated.');
  }
}

/** A position in a pickle. */
export class PickleCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** The next byte to read. */
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  #take(length: number): number {
    const start = this.at;
    if (start + length > this.#bytes.length) throw new PickleEnd();
    this.at += length;
    return start;
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  unsigned16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  unsigned32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  unsigned64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  signed32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** Big-endian, unlike all other numbers. */
  float64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  /** A little-endian two's complement integer of any length. */
  long(length: number): number | bigint {
    const start = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[start + i]);
    return asNumber(length > 0 ? BigInt.asIntN(8 * length, value) : value);
  }

  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  text(length: number): string {
    const start = this.#take(length);
    return new TextDecoder().decode(this.#bytes.subarray(start, start + length));
  }

  /** Text up to the end of the line. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleEnd();
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  /** A number in protocol 0's text form: `12`, `12L`, and `00` and `01` for False and True. */
  textNumber(): number | bigint | boolean {
    const text = this.line();
    if (text === '00' || text === '01') return text === '01';
    if (!/^-?\d+L?$/.test(text)) throw new Error(`the pickle holds "${text}" where a number should be.`);
    return asNumber(BigInt(text.replace('L', '')));
  }

  /** A line of text in protocol 0's form, quoted or not. */
  quoted(): string {
    const text = this.line();
    return /^(['"]).*\1$/.test(text) ? text.slice(1, -1) : text;
  }
}

const asNumber = (value: bigint): number | bigint => (BigInt.asIntN(54, value) === value ? Number(value) : value);
