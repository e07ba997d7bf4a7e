// The IDX format of MNIST and similar datasets: a big-endian header, then the values.

import { decompress, isGzip } from '../weights/decompress.ts';

/** Unsigned bytes in a row-major array. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const TYPES: Readonly<Record<number, string>> = {
  0x08: 'unsigned bytes',
  0x09: 'signed bytes',
  0x0b: '16-bit integers',
  0x0c: '32-bit integers',
  0x0d: '32-bit floats',
  0x0e: '64-bit floats',
};
const UNSIGNED_BYTES = 0x08;

/**
 * Reads an IDX file of unsigned bytes, gzipped or not (format: the end of http://yann.lecun.com/exdb/mnist).
 * @param name the file's name in error messages.
 * @throws an Error for a file that is truncated (with the bytes expected and found), corrupt, or of another format or type.
 */
export async function parseIdx(bytes: Uint8Array, name = 'The file'): Promise<IdxArray> {
  const { bytes: raw, damage } = isGzip(bytes) ? await decompress(bytes, 'gzip') : { bytes, damage: null };
  const after = isGzip(bytes) ? ' after decompression' : '';
  const expectBytes = (expected: number) => {
    if (raw.length >= expected) return;
    const [state, reason] = damage ? ['truncated or corrupt', ` (${damage.message})`] : ['truncated', ''];
    throw new Error(
      `${name} is ${state}: ${expected} bytes expected${after}, ${raw.length} found${reason}. Download or copy it again.`,
    );
  };

  expectBytes(4);
  const [zero, alsoZero, type, rank] = raw;
  if (zero !== 0 || alsoZero !== 0 || !Object.hasOwn(TYPES, type)) {
    throw new Error(
      `${name} is not an IDX file: it starts with the bytes ${hex(raw.subarray(0, 4))}${after}, ` +
        'but an IDX file of unsigned bytes starts with 00 00 08.',
    );
  }
  if (type !== UNSIGNED_BYTES) {
    throw new Error(`${name} holds ${TYPES[type]} (IDX type ${hex([type])}), but unsigned bytes (08) are needed.`);
  }
  const start = 4 + 4 * rank;
  expectBytes(start);
  const view = new DataView(raw.buffer, raw.byteOffset, start);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = start + shape.reduce((size, dim) => size * dim, 1);
  expectBytes(expected);
  if (damage) throw new Error(`${name} is a corrupt gzip file (${damage.message}). Download or copy it again.`);
  if (raw.length > expected) {
    throw new Error(`${name} is corrupt: its header implies ${expected} bytes${after}, but it has ${raw.length}.`);
  }
  return { shape, data: raw.subarray(start) };
}

const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
