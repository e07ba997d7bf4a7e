// Image orientation: cameras store a photo as the sensor saw it and record the rotation in EXIF.

import type { RgbaImage } from './rgba-image.ts';

const ORIENTATION_TAG = 0x0112;

/**
 * The orientation, 1 (upright) to 8, from EXIF data (the TIFF structure after "Exif\0\0"). 1 if it is absent or the data is
 * corrupt, since the image can still be shown.
 */
export function exifOrientation(tiff: Uint8Array): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  try {
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    const entries = view.getUint16(directory, little);
    for (let i = 0; i < entries; i++) {
      const entry = directory + 2 + 12 * i;
      if (view.getUint16(entry, little) !== ORIENTATION_TAG) continue;
      const orientation = view.getUint16(entry + 8, little);
      return orientation >= 1 && orientation <= 8 ? orientation : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** The image rotated and mirrored to be upright, given its EXIF orientation. */
export function turnUpright(image: RgbaImage, orientation: number): RgbaImage {
  if (orientation === 1) return image;
  // Orientations 5 to 8 swap the axes.
  const swapped = orientation >= 5;
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const width = swapped ? image.height : image.width;
  const height = swapped ? image.width : image.height;
  const data = new Uint8Array(width * height * 4);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = swapped ? [y, x] : [x, y];
      const sourceX = fromRight ? image.width - 1 - column : column;
      const sourceY = fromBottom ? image.height - 1 - row : row;
      let from = (sourceY * image.width + sourceX) * 4;
      for (let k = 0; k < 4; k++) data[to++] = image.data[from++];
    }
  }
  return { width, height, data };
}
