// Decodes a text file: detects the encoding and normalizes line ends to "\n".

/** Encodings that are detected. Any other that TextDecoder supports may be given. */
export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'gb18030';

export interface DecodeTextOptions {
  /** Used in error messages, such as the file's name. */
  readonly name?: string;
  /** The encoding; detected by default. */
  readonly encoding?: string;
}

/** A text and its encoding. */
export interface DecodedText {
  readonly text: string;
  readonly encoding: string;
}

/**
 * Decodes a text file. The encoding is the first that applies: that of the byte order mark; UTF-16 if at least a quarter of
 * the even or odd bytes among the first 4,096 are zero; UTF-8 if the whole file is valid; GB18030 (a superset of GBK and
 * GB2312) if the whole file is valid and at least 90 % of the characters beyond ASCII are Chinese or Chinese punctuation.
 * CRLF and CR become LF.
 * @throws an Error that says what to do, for an empty or binary file, or another encoding.
 */
export function decodeText(bytes: Uint8Array, { name = 'the text', encoding }: DecodeTextOptions = {}): DecodedText {
  if (bytes.length === 0) throw new Error(`${name} is empty; a text needs at least one character.`);
  const found = encoding ?? marked(bytes) ?? wide(bytes) ?? (validUtf8(bytes) ? 'utf-8' : null);
  const decoded = found ? decodeAs(found, bytes, name) : (chinese(bytes) ?? unreadable(bytes, name));
  const text = decoded.replaceAll(/\r\n?/g, '\n');
  if (text.trim() === '') throw new Error(`${name} contains only whitespace.`);
  if (text.includes('\0')) throw new Error(`${name} looks like a binary file (it contains zero bytes), not text.`);
  return { text, encoding: found ?? 'gb18030' };
}

function decodeAs(encoding: string, bytes: Uint8Array, name: string): string {
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new Error(`${name}: the encoding "${encoding}" is not supported here; convert the file to UTF-8.`);
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Error(
      `${name} is not valid ${encoding.toUpperCase()}; it may be corrupt, truncated, or in another encoding.`,
    );
  }
}

function marked(bytes: Uint8Array): TextEncoding | null {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return null;
}

/** UTF-16 without a byte order mark: ASCII characters, such as spaces and line ends, have a zero as their other byte. */
function wide(bytes: Uint8Array): TextEncoding | null {
  const seen = bytes.subarray(0, 4096);
  const zeros = [0, 0];
  for (const [i, byte] of seen.entries()) if (byte === 0) zeros[i & 1]++;
  const half = seen.length / 2;
  if (zeros[1] >= half / 4 && zeros[0] < half / 16) return 'utf-16le';
  if (zeros[0] >= half / 4 && zeros[1] < half / 16) return 'utf-16be';
  return null;
}

/** `bytes` decoded, or null if they are not valid. */
function attempt(encoding: TextEncoding, bytes: Uint8Array): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

const validUtf8 = (bytes: Uint8Array) => attempt('utf-8', bytes) !== null;

/** Almost any bytes are valid GB18030, so the text must also look Chinese. */
function chinese(bytes: Uint8Array): string | null {
  const text = attempt('gb18030', bytes);
  if (text === null) return null;
  const beyond = text.match(/[^\0-\x7f]/gu) ?? [];
  const usual = beyond.filter((character) =>
    /[\u2010-\u2027\u3000-\u303f\u4e00-\u9fff\uff00-\uffef·—…‘’“”]/u.test(character),
  );
  return usual.length >= 0.9 * beyond.length ? text : null;
}

function unreadable(bytes: Uint8Array, name: string): never {
  throw new Error(
    `${name} is not text in UTF-8 (it stops being valid at byte ${firstInvalid(bytes)}), UTF-16 or GB18030. ` +
      'If it is in another encoding, convert it (iconv -f ENCODING -t UTF-8); if the file is truncated, get it again.',
  );
}

/** Offset of the first invalid UTF-8 character, by binary search: all longer prefixes are invalid, too. */
function firstInvalid(bytes: Uint8Array): number {
  // A prefix that ends within a character counts as valid.
  const valid = (length: number) => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (valid(middle)) low = middle;
    else high = middle - 1;
  }
  while (low > 0 && attempt('utf-8', bytes.subarray(0, low)) === null) low--;
  return low;
}
