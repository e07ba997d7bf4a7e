// Digits that the page makes itself, strokes and fonts, as a set to train on: no download, and the same for a seed.

import { toDigit } from '../../models/cnn/lenet5/to-digit.ts';
import { RandomSource, type ImageDataset } from '../../src/index.ts';
import { writeDigit, type Path } from './strokes.ts';

const SIZE = 32;
/** As in MNIST: the digit fits into 20 × 20, its centre of mass in the middle of the input. */
const DIGIT_SIZE = 20;
/** Of the digits, the share that comes from fonts where there are fonts. */
const FONT_SHARE = 0.25;

/** A grey picture [32, 32] and the digit on it. */
export interface Printed {
  readonly label: number;
  readonly image: Uint8Array;
}

/**
 * `count` digits, 32 × 32, ten classes equally often: handwriting, and a part of it picked from `printed`.
 * @param seed sets of different seeds have no handwriting in common.
 */
export function makeDigits(count: number, seed: number, printed: readonly Printed[] = []): ImageDataset {
  const random = new RandomSource(seed, 0xd161);
  const uniform = (low: number, high: number) => random.uniform(low, high);
  const images = new Uint8Array(count * SIZE * SIZE);
  const labels = new Uint8Array(count);
  const byLabel = Array.from({ length: 10 }, (_, digit) => printed.filter(({ label }) => label === digit));
  const order = random.permutation(count);
  for (let i = 0; i < count; i++) {
    const label = order[i] % 10;
    labels[i] = label;
    const fonts = byLabel[label];
    const image = images.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE);
    if (fonts.length > 0 && uniform(0, 1) < FONT_SHARE) image.set(fonts[random.integer(fonts.length)].image);
    else drawPaths(writeDigit(label, uniform), uniform(1.6, 3.6), image);
  }
  return { images, labels, count, height: SIZE, width: SIZE };
}

/** Draws `paths` with a pen of `thickness` pixels: placed as MNIST's digits are, soft at the edge. */
function drawPaths(paths: readonly Path[], thickness: number, image: Uint8Array): void {
  const { segments, left, top, right, bottom, centreX, centreY } = measure(paths);
  const scale = (DIGIT_SIZE - thickness) / Math.max(right - left, bottom - top);
  const reach = thickness / 2 + 0.5;
  for (const [x0, y0, x1, y1] of segments) {
    const [ax, ay] = [(x0 - centreX) * scale + SIZE / 2, (y0 - centreY) * scale + SIZE / 2];
    const [dx, dy] = [(x1 - x0) * scale, (y1 - y0) * scale];
    const square = dx * dx + dy * dy || 1;
    const [firstX, lastX] = range(ax, ax + dx, reach);
    const [firstY, lastY] = range(ay, ay + dy, reach);
    for (let y = firstY; y <= lastY; y++) {
      for (let x = firstX; x <= lastX; x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const along = Math.min(Math.max((px * dx + py * dy) / square, 0), 1);
        const ink = 255 * Math.min(reach - Math.hypot(px - along * dx, py - along * dy), 1);
        if (ink > image[y * SIZE + x]) image[y * SIZE + x] = ink;
      }
    }
  }
}

const range = (from: number, to: number, reach: number): [number, number] => [
  Math.max(0, Math.floor(Math.min(from, to) - reach)),
  Math.min(SIZE - 1, Math.ceil(Math.max(from, to) + reach)),
];

/** The box and the centre of mass of `paths`, and their straight pieces. */
function measure(paths: readonly Path[]) {
  const segments: (readonly [number, number, number, number])[] = [];
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  let [length, sumX, sumY] = [0, 0, 0];
  for (const path of paths) {
    for (let i = 0; i < path.length; i += 2) {
      const [x, y] = [path[i], path[i + 1]];
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      if (i === 0) continue;
      const [fromX, fromY] = [path[i - 2], path[i - 1]];
      const piece = Math.hypot(x - fromX, y - fromY);
      segments.push([fromX, fromY, x, y]);
      length += piece;
      sumX += (piece * (x + fromX)) / 2;
      sumY += (piece * (y + fromY)) / 2;
    }
  }
  return { segments, left, top, right, bottom, centreX: sumX / length, centreY: sumY / length };
}

const FAMILIES = [
  'serif',
  'sans-serif',
  'monospace',
  'cursive',
  'fantasy',
  'system-ui',
  'Georgia',
  'Verdana',
  'Courier New',
];
const STYLES = ['', 'bold', 'italic', 'italic bold'];
const FONT_PIXELS = 72;

/**
 * The digits of the fonts that this machine has, each once. A fourth of the fonts is kept for testing, so that no
 * network is tested on a picture that it has learned. Both are empty where a worker cannot draw.
 */
export function printDigits(): { train: Printed[]; test: Printed[] } {
  const printed: { train: Printed[]; test: Printed[] } = { train: [], test: [] };
  const context =
    globalThis.OffscreenCanvas &&
    new OffscreenCanvas(FONT_PIXELS, FONT_PIXELS).getContext('2d', { willReadFrequently: true });
  if (!context) return printed;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  // Names of missing fonts give the same pictures again.
  const seen = new Set<string>();
  let font = 0;
  for (const family of FAMILIES) {
    for (const style of STYLES) {
      context.font = `${style} ${FONT_PIXELS * 0.75}px ${family.includes(' ') ? `"${family}"` : family}`;
      const images = Array.from({ length: 10 }, (_, digit) => printDigit(context, digit));
      const key = String(images[2]);
      if (seen.has(key) || images.includes(null)) continue;
      seen.add(key);
      const part = font++ % 4 === 3 ? printed.test : printed.train;
      images.forEach((image, label) => part.push({ label, image: image! }));
    }
  }
  return printed;
}

function printDigit(context: OffscreenCanvasRenderingContext2D, digit: number): Uint8Array | null {
  context.clearRect(0, 0, FONT_PIXELS, FONT_PIXELS);
  context.fillText(String(digit), FONT_PIXELS / 2, FONT_PIXELS / 2);
  const image = toDigit(context.getImageData(0, 0, FONT_PIXELS, FONT_PIXELS).data, FONT_PIXELS, FONT_PIXELS);
  return image && Uint8Array.from(image, (ink) => Math.round(255 * ink));
}
