// Converts any image of a digit to LeNet's input, with the preprocessing of MNIST.

import { resizeGrey, type Box, type RgbaPixels } from '../../../src/index.ts';
import { LENET_SIZE } from './model.ts';

const MNIST_SIZE = 28;
const DIGIT_SIZE = 20;

/** Minimum contrast between ink and paper, of 255; below it the page counts as empty. */
const LEAST_CONTRAST = 20;
/** Differences below this fraction of the contrast count as paper: lens blur, JPEG artifacts. */
const FAINTEST_INK = 0.08;
/** Minimum ink of a blurred edge inside the digit's box. MNIST's own boxes do not change up to this value. */
const EDGE = 0.3;

/**
 * An image of one digit as LeNet's input `[32, 32]`, ink 1 on 0, as in MNIST (LeCun et al. 1998, section III.A): the ink's box
 * is scaled to fit 20×20 with its aspect ratio preserved, and its centre of mass is in the middle of 28×28, two pixels inside
 * the input. Handles light and dark paper, colours and transparency.
 * @returns null for an empty page.
 * @throws an Error if `rgba` does not have `width` × `height` pixels.
 */
export function toDigit(rgba: RgbaPixels, width: number, height: number): Float32Array | null {
  if (width < 1 || height < 1 || rgba.length !== width * height * 4) {
    throw new Error(
      `A picture of ${width}×${height} pixels needs ${width * height * 4} bytes of RGBA, not ${rgba.length}.`,
    );
  }
  // White ink on transparency is visible only on black paper.
  const ink = inkOf(luminance(rgba, 255), width, height) ?? inkOf(luminance(rgba, 0), width, height);
  if (!ink) return null;
  const box = inkBox(ink, width, height);
  const scale = DIGIT_SIZE / Math.max(box.width, box.height);
  const digitWidth = Math.max(1, Math.round(box.width * scale));
  const digitHeight = Math.max(1, Math.round(box.height * scale));
  return centred(resizeGrey(ink, width, box, digitWidth, digitHeight), digitWidth, digitHeight);
}

/** Brightness, 0 to 255, on paper of brightness `paper` (weights of ITU-R BT.601). */
function luminance(rgba: RgbaPixels, paper: number): Float32Array {
  const grey = new Float32Array(rgba.length / 4);
  for (let i = 0, at = 0; i < grey.length; i++, at += 4) {
    const opacity = rgba[at + 3] / 255;
    const brightness = 0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2];
    grey[i] = opacity * brightness + (1 - opacity) * paper;
  }
  return grey;
}

/** The ink of each pixel, 0 to 1; null for an empty page. */
function inkOf(grey: Float32Array, width: number, height: number): Float32Array | null {
  const border = borderOf(grey, width, height);
  const paper = median(border);
  let [darkest, brightest] = [paper, paper];
  for (const value of grey) {
    if (value < darkest) darkest = value;
    if (value > brightest) brightest = value;
  }
  const sign = paper - darkest >= brightest - paper ? -1 : 1;
  const contrast = sign < 0 ? paper - darkest : brightest - paper;
  // Uneven light makes the border uneven; four median deviations cover almost all of it.
  const unevenness = 4 * median(border.map((value) => Math.abs(value - paper)));
  const faintest = Math.max(FAINTEST_INK * contrast, unevenness);
  if (contrast < LEAST_CONTRAST || faintest >= contrast) return null;
  return grey.map((value) => {
    const difference = sign * (value - paper);
    return difference > faintest ? difference / contrast : 0;
  });
}

function borderOf(grey: Float32Array, width: number, height: number): Float32Array {
  const top = grey.subarray(0, width);
  const bottom = grey.subarray((height - 1) * width);
  const border = new Float32Array(2 * (width + height));
  border.set(top);
  border.set(bottom, width);
  for (let y = 0; y < height; y++) {
    border[2 * width + 2 * y] = grey[y * width];
    border[2 * width + 2 * y + 1] = grey[(y + 1) * width - 1];
  }
  return border;
}

const median = (values: Float32Array): number => values.toSorted()[values.length >> 1];

/** The smallest box around the digit. */
function inkBox(ink: Float32Array, width: number, height: number): Box {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (ink[i] < EDGE) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** The digit on LeNet's input, with its centre of mass in the middle and its maximum ink scaled to 1. */
function centred(digit: Float32Array, width: number, height: number): Float32Array {
  let [mass, sumX, sumY, strongest] = [0, 0, 0, 0];
  digit.forEach((value, i) => {
    mass += value;
    sumX += value * (i % width);
    sumY += value * Math.floor(i / width);
    strongest = Math.max(strongest, value);
  });
  // MNIST's centres of mass are around pixel 14, not at the square's middle, 13.5.
  const left = placed(MNIST_SIZE / 2 - sumX / mass, width);
  const top = placed(MNIST_SIZE / 2 - sumY / mass, height);
  const margin = (LENET_SIZE - MNIST_SIZE) / 2;
  const input = new Float32Array(LENET_SIZE * LENET_SIZE);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // Thin strokes turn grey when shrunk; MNIST's always reach full ink somewhere.
      input[(top + y + margin) * LENET_SIZE + left + x + margin] = digit[y * width + x] / strongest;
    }
  }
  return input;
}

/** Rounds an offset so that `length` pixels stay inside MNIST's square. */
const placed = (offset: number, length: number): number =>
  Math.min(Math.max(Math.round(offset), 0), MNIST_SIZE - length);
