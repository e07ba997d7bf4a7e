// Generated images as a grid in one PNG.

// Writes all kinds of PNG without native code; the library uses it to read them too.
import { encode } from 'fast-png';
import type { GeneratedImages } from '../../../models/index.ts';

/** Pixels between images. */
const GAP = 2;
const PAPER = 255;

/** The images in about as many rows as columns, as the bytes of a PNG. */
export function imageGrid({ data, height, width, channels }: GeneratedImages): Uint8Array {
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
