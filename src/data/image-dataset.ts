// The type of a dataset of labelled greyscale images.

/** Labelled greyscale images of one size. */
export interface ImageDataset {
  /** `[count, height, width]`, 0 = black to 255 = white. */
  readonly images: Uint8Array;
  /** `[count]`, the class of each image. */
  readonly labels: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
}
