// Data augmentation by random warps of small images.

import type { RandomSource } from '../core/random.ts';

/** Strength of the warps. Each bound is for a uniform draw in both directions; absent means none. */
export interface Augmentation {
  /** Maximum shift in pixels, horizontally and vertically. */
  readonly shift?: number;
  /** Maximum rotation in degrees around the centre. */
  readonly rotate?: number;
  /** Maximum relative change of size: 0.1 draws from 90 % to 110 %. */
  readonly scale?: number;
  /** Standard deviation in pixels of a smooth random displacement of every point (elastic distortion). */
  readonly elastic?: number;
}

/** A greyscale image inside an array: `[height, width]` bytes from `offset` on. */
export interface GreyImage {
  readonly data: Uint8Array;
  readonly offset: number;
  readonly height: number;
  readonly width: number;
}

// The displacement is a cubic B-spline with this many cells per side, smooth over about a stroke's length.
const CELLS = 4;
const CONTROLS = CELLS + 3;
// A B-spline averages its control points; this restores the standard deviation (mean over a cell, both axes).
const CONTROL_GAIN = 2.1;

/** Warps images into squares of `size` pixels. Reuse one object: it holds the scratch memory. */
export class Warper {
  readonly #size: number;
  readonly #augment: Augmentation;
  /** Four spline weights per coordinate. */
  readonly #weights: Float32Array;
  readonly #controls = new Float32Array(2 * CONTROLS * CONTROLS);
  readonly #row = new Float32Array(2 * CONTROLS);

  constructor(size: number, augment: Augmentation) {
    this.#size = size;
    this.#augment = augment;
    this.#weights = new Float32Array(4 * size);
    for (let i = 0; i < size; i++) {
      const t = ((i * CELLS) / size) % 1;
      const weights = [(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3];
      this.#weights.set(
        weights.map((weight) => weight / 6),
        4 * i,
      );
    }
  }

  /** Draws one warp from `random` and writes the warped image, centred, in 0 to 1, to `out` from `at` on. */
  warp(image: GreyImage, random: RandomSource, out: Float32Array, at: number): void {
    const { shift = 0, rotate = 0, scale = 0, elastic = 0 } = this.#augment;
    const size = this.#size;
    // Draws even if the bound is 0, so that one setting does not change the draws of another.
    const angle = (random.uniform(-rotate, rotate) * Math.PI) / 180;
    const zoom = 1 + random.uniform(-scale, scale);
    const centreX = (size - 1) / 2 + random.uniform(-shift, shift);
    const centreY = (size - 1) / 2 + random.uniform(-shift, shift);
    // Maps output pixels to the source: the inverse of zoom, rotation and shift.
    const cos = Math.cos(angle) / zoom;
    const sin = Math.sin(angle) / zoom;
    const middleX = (image.width - 1) / 2;
    const middleY = (image.height - 1) / 2;
    if (elastic > 0) {
      for (let i = 0; i < this.#controls.length; i++) this.#controls[i] = elastic * CONTROL_GAIN * random.normal();
    }
    for (let y = 0; y < size; y++) {
      if (elastic > 0) this.#displaceRow(y);
      for (let x = 0; x < size; x++) {
        let sourceX = cos * (x - centreX) + sin * (y - centreY) + middleX;
        let sourceY = cos * (y - centreY) - sin * (x - centreX) + middleY;
        if (elastic > 0) {
          const cell = Math.floor((x * CELLS) / size);
          for (let k = 0; k < 4; k++) {
            const weight = this.#weights[4 * x + k];
            sourceX += weight * this.#row[cell + k];
            sourceY += weight * this.#row[CONTROLS + cell + k];
          }
        }
        out[at++] = sample(image, sourceX, sourceY);
      }
    }
  }

  /** Interpolates the four control rows around `y`, for both directions. */
  #displaceRow(y: number): void {
    const cell = Math.floor((y * CELLS) / this.#size);
    this.#row.fill(0);
    for (let k = 0; k < 4; k++) {
      const weight = this.#weights[4 * y + k];
      for (let i = 0; i < 2 * CONTROLS; i++) this.#row[i] += weight * this.#controls[(cell + k) * 2 * CONTROLS + i];
    }
  }
}

/** A bilinear sample in 0 to 1; black outside the image. */
function sample({ data, offset, height, width }: GreyImage, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  if (left < -1 || left >= width || top < -1 || top >= height) return 0;
  const fx = x - left;
  const fy = y - top;
  const at = offset + top * width + left;
  const hasLeft = left >= 0;
  const hasRight = left + 1 < width;
  let value = 0;
  if (top >= 0) {
    if (hasLeft) value += (1 - fy) * (1 - fx) * data[at];
    if (hasRight) value += (1 - fy) * fx * data[at + 1];
  }
  if (top + 1 < height) {
    if (hasLeft) value += fy * (1 - fx) * data[at + width];
    if (hasRight) value += fy * fx * data[at + width + 1];
  }
  return value / 255;
}
