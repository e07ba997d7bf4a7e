// Decompresses gzip and deflate with DecompressionStream, keeping what a truncated file still yields.

/** The decompressed bytes, and the error that stopped decompression early, or null. */
export interface Decompressed {
  readonly bytes: Uint8Array;
  readonly damage: Error | null;
}

/** Whether `bytes` start like a gzip file. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * Decompresses bytes. Truncated or corrupt data does not throw, so that the caller can report how much was found.
 * @param limit approximate maximum of decompressed bytes: a small file may expand to more than fits in memory.
 */
export async function decompress(
  bytes: Uint8Array,
  format: 'gzip' | 'deflate-raw',
  limit = 2 ** 30,
): Promise<Decompressed> {
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
        damage = new Error(`it decompresses to more than ${limit} bytes`);
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
