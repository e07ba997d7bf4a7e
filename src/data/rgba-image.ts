// Types of decoded RGBA images.

/** Pixels from a canvas or a decoded file: red, green, blue, alpha; rows from the top. */
export type RgbaPixels = Uint8Array | Uint8ClampedArray;

/** An image: `[height, width, 4]` bytes of red, green, blue and alpha. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
