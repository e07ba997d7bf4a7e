// Pictures as decoders and canvases give them.

/** Pixels as a canvas or a decoded file gives them: red, green, blue, opacity; rows from the top. */
export type RgbaPixels = Uint8Array | Uint8ClampedArray;

/** A picture: `[height, width, 4]` bytes of red, green, blue and opacity. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
