// Writes PNG files of every kind, as an independent test of the decoder.

import { crc32, deflateSync } from 'node:zlib';

/** The PNG specification's colour types. */
export const GREY = 0;
export const RGB = 2;
export const PALETTE = 3;
export const GREY_ALPHA = 4;
export const RGBA = 6;

const CHANNELS: Record<number, number> = { [GREY]: 1, [RGB]: 3, [PALETTE]: 1, [GREY_ALPHA]: 2, [RGBA]: 4 };

/** The content of a PNG: `samples[y]` has a row's raw samples, with channels interleaved. */
export interface PngContent {
  width: number;
  depth: number;
  colourType: number;
  samples: number[][];
  chunks?: [type: string, data: number[]][];
  interlace?: number;
}

/** One chunk: length, type, data and checksum. */
export function chunk(type: string, data: ArrayLike<number>): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), Buffer.from(data as number[])]);
  const frame = Buffer.alloc(4 + body.length + 4);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), 4 + body.length);
  return frame;
}

/** The bytes of an unfiltered PNG file. */
export function png({ width, depth, colourType, samples, chunks = [], interlace = 0 }: PngContent): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(samples.length, 4);
  header.set([depth, colourType, 0, 0, interlace], 8);
  const rowLength = Math.ceil((width * CHANNELS[colourType] * depth) / 8);
  const rows = samples.map((row) => {
    const bits = row.map((sample) => sample.toString(2).padStart(depth, '0')).join('');
    return Uint8Array.from({ length: 1 + rowLength }, (_, i) =>
      i === 0 ? 0 : Number.parseInt(bits.slice(8 * (i - 1), 8 * i).padEnd(8, '0'), 2),
    );
  });
  return Buffer.concat([
    Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    ...chunks.map(([type, data]) => chunk(type, data)),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', []),
  ]);
}
