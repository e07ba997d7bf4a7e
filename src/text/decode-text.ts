// The bytes of a text file as text: finds out the encoding, and makes all line ends "\n".

/** Encodings that are recognised. Any other of TextDecoder's may be named. */
export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'gb18030';

export interface DecodeTextOptions {
  /** What errors call the bytes, such as the file's name. */
  readonly name?: string;
  /** The encoding, where it is known; recognised by default. */
  readonly encoding?: string;
}

/** A text, and what its bytes were. */
export interface DecodedText {
  readonly text: string;
  readonly encoding: string;
}

/**
 * Decodes a text file. The encoding is, in this order: that of the byte order mark; UTF-16 where at least a quarter of the
 * first 4,096 even or odd bytes are zero; UTF-8 where all of it is valid; GB18030 (which holds GBK and GB2312) where all of
 * it is valid and nine in ten characters beyond ASCII are Chinese or their punctuation. Line ends CRLF and CR become LF.
 * Throws, with what was found and what to do, for an empty or a binary file and for other encodings.
 */
export function decodeText(bytes: Uint8Array, { name = 'the text', encoding }: DecodeTextOptions = {}): DecodedText {
  if (bytes.length === 0) throw new Error(`${name} is empty; a text needs at least one character.`);
  const found = encoding ?? marked(bytes) ?? wide(bytes) ?? (validUtf8(bytes) ? 'utf-8' : null);
  const decoded = found ? decodeAs(found, bytes, name) : (chinese(bytes) ?? unreadable(bytes, name));
  const text = decoded.replaceAll(/\r\n?/g, '\n');
  if (text.trim() === '') throw new Error(`${name} holds nothing but blanks.`);
  if (text.includes('\0')) throw new Error(`${name} looks like a binary file (it holds zero bytes), not like text.`);
  return { text, encoding: found ?? 'gb18030' };
}

function decodeAs(encoding: string, bytes: Uint8Array, name: string): string {
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new Error(`${name}: this system does not know the encoding "${encoding}"; convert the file to UTF-8.`);
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Error(`${name} is not valid ${encoding.toUpperCase()}; it may be damaged, cut, or of another encoding.`);
  }
}

function marked(bytes: Uint8Array): TextEncoding | null {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return null;
}

/** UTF-16 without a mark: what is ASCII in it, blanks and line ends at least, has a zero for its other byte. */
function wide(bytes: Uint8Array): TextEncoding | null {
  const seen = bytes.subarray(0, 4096);
  const zeros = [0, 0];
  for (const [i, byte] of seen.entries()) if (byte === 0) zeros[i & 1]++;
  const half = seen.length / 2;
  if (zeros[1] >= half / 4 && zeros[0] < half / 16) return 'utf-16le';
  if (zeros[0] >= half / 4 && zeros[1] < half / 16) return 'utf-16be';
  return null;
}

/** The whole of `bytes` in an encoding, or null. */
function attempt(encoding: TextEncoding, bytes: Uint8Array): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

const validUtf8 = (bytes: Uint8Array) => attempt('utf-8', bytes) !== null;

/** Almost any bytes are valid GB18030, so the text must look Chinese too. */
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
      'If it is in another encoding, convert it (iconv -f ENCODING -t UTF-8); if its end is cut, repair it.',
  );
}

/** Offset of the first character that is no valid UTF-8: found by halving, as each longer part is invalid too. */
function firstInvalid(bytes: Uint8Array): number {
  // A part that only ends within a character counts as valid.
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
