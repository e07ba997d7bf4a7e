// Generated pictures side by side in one PNG.

// Writes PNGs of any kind, without native code; the library reads them with it as well.
import { encode } from 'fast-png';
import type { GeneratedImages } from '../../../models/index.ts';

/** Pixels between pictures. */
const GAP = 2;
const PAPER = 255;

/** The pictures in rows, about as many as there are in a row, as the bytes of a PNG. */
export function pictureGrid({ data, height, width, channels }: GeneratedImages): Uint8Array {
  const count = data.length / (height * width * channels);
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const [gridWidth, gridHeight] = [columns * (width + GAP) + GAP, rows * (height + GAP) + GAP];
  const grid = new Uint8Array(gridWidth * gridHeight * channels).fill(PAPER);
  for (let i = 0; i < count; i++) {
    const left = GAP + (i % columns) * (width + GAP);
    const top = GAP + Math.floor(i / columns) * (height + GAP);
    for (let y = 0; y < height; y++) {
      const from = (i * height + y) * width * channels;
      grid.set(data.subarray(from, from + width * channels), ((top + y) * gridWidth + left) * channels);
    }
  }
  return encode({ width: gridWidth, height: gridHeight, data: grid, channels, depth: 8 });
}
