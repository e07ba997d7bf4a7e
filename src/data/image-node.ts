// Decodes image files in Node; browsers have their own decoders.

import { decode as decodePng, type DecodedPng } from 'fast-png';
import { decode as decodeJpeg } from 'jpeg-js';
import { exifOrientation, turnUpright } from './exif.ts';
import type { RgbaImage } from './rgba-image.ts';

/** Largest image to decode: a small file may claim a size that exhausts memory. */
const MAX_MEGAPIXELS = 50;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_SIGNATURE = [0xff, 0xd8, 0xff];

/**
 * Decodes a PNG (greyscale, palette or colour, with or without alpha, 1 to 16 bits) or a JPEG (rotated by its EXIF
 * orientation). The format is detected from the first bytes, not the name.
 * @param name the file's name in error messages.
 * @throws an Error for a file of another format, a truncated or corrupt file, or an image above 50 megapixels.
 */
export function decodeImage(bytes: Uint8Array, name: string): RgbaImage {
  const startsWith = (signature: readonly number[]) => signature.every((byte, i) => bytes[i] === byte);
  if (startsWith(PNG_SIGNATURE)) return pngImage(bytes, name);
  if (startsWith(JPEG_SIGNATURE)) return jpegImage(bytes, name);
  const first = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new Error(
    bytes.length === 0 ? `${name} is empty.` : `${name} is not a PNG or JPEG: its first bytes are ${first}.`,
  );
}

function pngImage(bytes: Uint8Array, name: string): RgbaImage {
  const headerEnd = 33;
  if (bytes.length < headerEnd) throw damaged(name, 'PNG', `its ${bytes.length} bytes are shorter than the header`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerEnd);
  const [depth, interlaced] = [header.getUint8(24), header.getUint8(28) !== 0];
  checkSize(name, header.getUint32(16), header.getUint32(20));
  // fast-png silently returns wrong pixels for these.
  if (interlaced && depth < 8) {
    throw new Error(`${name} is an interlaced ${depth}-bit PNG, which is not supported: save it without interlacing.`);
  }
  let png: DecodedPng;
  try {
    png = decodePng(bytes, { checkCrc: true });
    return { width: png.width, height: png.height, data: toRgba(png) };
  } catch (cause) {
    throw damaged(name, 'PNG', (cause as Error).message, cause);
  }
}

function toRgba({ width, height, depth, channels, data, palette, transparency }: DecodedPng): Uint8Array {
  const rgba = new Uint8Array(width * height * 4);
  const brightest = 2 ** depth - 1;
  const rowLength = depth < 8 ? Math.ceil((width * channels * depth) / 8) : width * channels;
  const sample = (y: number, i: number): number => {
    if (depth >= 8) return data[y * rowLength + i];
    const bit = i * depth;
    return (data[y * rowLength + (bit >> 3)] >> (8 - depth - (bit & 7))) & brightest;
  };
  const pixel = new Array<number>(channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      for (let c = 0; c < channels; c++) pixel[c] = sample(y, x * channels + c);
      if (palette && channels === 1) {
        const colour = palette[pixel[0]];
        if (!colour) throw new Error(`colour ${pixel[0]} is not in its palette`);
        rgba.set(colour, at);
        if (colour.length === 3) rgba[at + 3] = 255;
        continue;
      }
      const grey = channels < 3;
      const hidden = transparency?.length ? pixel.every((value, c) => value === transparency[c]) : false;
      const opacity = channels % 2 === 0 ? pixel[channels - 1] : hidden ? 0 : brightest;
      for (let c = 0; c < 3; c++) rgba[at + c] = Math.round((pixel[grey ? 0 : c] * 255) / brightest);
      rgba[at + 3] = Math.round((opacity * 255) / brightest);
    }
  }
  return rgba;
}

function jpegImage(bytes: Uint8Array, name: string): RgbaImage {
  let jpeg: RgbaImage & { exifBuffer?: Uint8Array };
  try {
    jpeg = decodeJpeg(bytes, {
      useTArray: true,
      tolerantDecoding: false,
      maxResolutionInMP: MAX_MEGAPIXELS,
      maxMemoryUsageInMB: 2048,
    });
  } catch (cause) {
    const { message } = cause as Error;
    throw message.includes('maxResolutionInMP') ? tooLarge(name, cause) : damaged(name, 'JPEG', message, cause);
  }
  const { width, height, data, exifBuffer } = jpeg;
  checkSize(name, width, height);
  // exifBuffer starts at the second of the two zeros after "Exif".
  return turnUpright({ width, height, data }, exifBuffer ? exifOrientation(exifBuffer.subarray(1)) : 1);
}

function checkSize(name: string, width: number, height: number): void {
  if (width === 0 || height === 0) throw new Error(`${name} has no pixels: it is ${width}×${height}.`);
  if (width * height > MAX_MEGAPIXELS * 1e6) throw tooLarge(name);
}

const tooLarge = (name: string, cause?: unknown): Error =>
  new Error(`${name} has more than ${MAX_MEGAPIXELS} megapixels: reduce its size.`, { cause });

const damaged = (name: string, format: string, reason: string, cause?: unknown): Error =>
  new Error(`${name} is a ${format}, but it is truncated, corrupt or of an unsupported kind (${reason}).`, {
    cause,
  });
