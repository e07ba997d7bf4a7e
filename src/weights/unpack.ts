// Unpacks gzip and deflate with what browsers, Node and Deno all have, and keeps what a cut file still gave.

/** What came out of packed bytes, and what stopped it early (null when it was whole). */
export interface Unpacked {
  readonly bytes: Uint8Array;
  readonly damage: Error | null;
}

/** True when `bytes` start as a gzip file does. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * Unpacks bytes. Cut or damaged ones are no error here, so that the caller can say how much was found.
 * @param limit about the most bytes to unpack: a small file may claim to hold more than fits in memory.
 */
export async function unpack(bytes: Uint8Array, format: 'gzip' | 'deflate-raw', limit = 2 ** 30): Promise<Unpacked> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const reader = source.pipeThrough(new DecompressionStream(format)).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let damage: Error | null = null;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
      length += next.value.length;
      if (length > limit) {
        damage = new Error(`it unpacks to more than ${limit} bytes`);
        await reader.cancel();
        break;
      }
    }
  } catch (error) {
    damage = error as Error;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return { bytes: whole, damage };
}
