// Decoding image files: every kind of PNG, JPEG with its orientation, and other files.

import { encode as encodeJpeg } from 'jpeg-js';
import { describe, expect, test } from 'vitest';
import { turnUpright } from '../../src/data/exif.ts';
import { decodeImage } from '../../src/data/image-node.ts';
import { chunk, GREY, GREY_ALPHA, PALETTE, png, RGB, RGBA, type PngContent } from './png.ts';

const decoded = (content: PngContent) => {
  const { width, height, data } = decodeImage(png(content), 'a.png');
  expect([width, height, data.length]).toEqual([content.width, content.samples.length, width * height * 4]);
  return Array.from({ length: width * height }, (_, i) => [...data.subarray(4 * i, 4 * i + 4)]);
};
const opaque = (...greys: number[]) => greys.map((grey) => [grey, grey, grey, 255]);

describe('PNG', () => {
  test.each([
    [1, [1, 0, 1, 1, 0, 0, 0, 0, 1, 1], [255, 0, 255, 255, 0, 0, 0, 0, 255, 255]],
    [2, [0, 1, 2, 3, 3], [0, 85, 170, 255, 255]],
    [4, [0, 1, 15], [0, 17, 255]],
    [8, [0, 128, 255], [0, 128, 255]],
    [16, [0, 32896, 65535], [0, 128, 255]],
  ])('grey of %i bits', (depth, row, expected) => {
    // Two rows, because each starts at a new byte.
    const samples = [row, row.toReversed()];
    const pixels = decoded({ width: row.length, depth, colourType: GREY, samples });
    expect(pixels).toEqual(opaque(...expected, ...expected.toReversed()));
  });

  test.each([1, 2, 4, 8])('palette of %i bits, with alpha for some colours', (depth) => {
    const content = {
      width: 3,
      depth,
      colourType: PALETTE,
      samples: [
        [0, 1, 0],
        [1, 1, 0],
      ],
    };
    const colours: [string, number[]] = ['PLTE', [250, 10, 20, 30, 40, 50]];
    const [a, b] = [
      [250, 10, 20, 255],
      [30, 40, 50, 255],
    ];
    expect(decoded({ ...content, chunks: [colours] })).toEqual([a, b, a, b, b, a]);
    const faint = [250, 10, 20, 128];
    expect(decoded({ ...content, chunks: [colours, ['tRNS', [128]]] })).toEqual([faint, b, faint, b, b, faint]);
  });

  test('colour, with and without alpha, 8 and 16 bits', () => {
    const wide = (row: number[]) => row.map((value) => value * 257);
    for (const [colourType, row, expected] of [
      [
        RGB,
        [1, 2, 3, 4, 5, 6],
        [
          [1, 2, 3, 255],
          [4, 5, 6, 255],
        ],
      ],
      [
        RGBA,
        [1, 2, 3, 4, 5, 6, 7, 0],
        [
          [1, 2, 3, 4],
          [5, 6, 7, 0],
        ],
      ],
      [
        GREY_ALPHA,
        [9, 255, 8, 7],
        [
          [9, 9, 9, 255],
          [8, 8, 8, 7],
        ],
      ],
    ] as const) {
      expect(decoded({ width: 2, depth: 8, colourType, samples: [[...row]] })).toEqual(expected);
      expect(decoded({ width: 2, depth: 16, colourType, samples: [wide([...row])] })).toEqual(expected);
    }
  });

  test('a transparent colour', () => {
    const grey = { width: 2, depth: 2, colourType: GREY, samples: [[1, 2]] };
    expect(decoded({ ...grey, chunks: [['tRNS', [0, 2]]] })).toEqual([
      [85, 85, 85, 255],
      [170, 170, 170, 0],
    ]);
    const colour = { width: 3, depth: 8, colourType: RGB, samples: [[1, 2, 3, 1, 2, 4, 9, 9, 9]] };
    const pixels = decoded({ ...colour, chunks: [['tRNS', [0, 1, 0, 2, 0, 4]]] });
    expect(pixels.map(([, , , opacity]) => opacity)).toEqual([255, 0, 255]);
  });

  test('truncated at any byte is an error', () => {
    const bytes = png({
      width: 3,
      depth: 8,
      colourType: GREY,
      samples: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
    for (let length = 8; length < bytes.length; length++) {
      expect(() => decodeImage(bytes.subarray(0, length), 'five.png'), `${length}`).toThrow(
        /^five\.png is a PNG, but it is truncated, corrupt/,
      );
    }
  });

  test('with a flipped bit anywhere after its signature is an error', () => {
    const bytes = png({
      width: 3,
      depth: 8,
      colourType: GREY,
      samples: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
    for (let i = 8; i < bytes.length - 12; i++) {
      const changed = Buffer.from(bytes);
      changed[i] ^= 0x40;
      expect(() => decodeImage(changed, 'five.png'), `byte ${i}`).toThrow(/^five\.png /);
    }
  });

  test('of a giant or zero size, or that the decoder gets wrong, is an error', () => {
    const small = { width: 1, depth: 8, colourType: GREY, samples: [[1]] };
    const giant = png(small);
    giant.set(chunk('IHDR', [0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 8, 0, 0, 0, 0]), 8);
    expect(() => decodeImage(giant, 'x.png')).toThrow('x.png has more than 50 megapixels: reduce its size.');
    const none = png(small);
    none.set(chunk('IHDR', [0, 0, 0, 0, 0, 0, 0, 9, 8, 0, 0, 0, 0]), 8);
    expect(() => decodeImage(none, 'x.png')).toThrow('x.png has no pixels: it is 0×9.');
    expect(() => decodeImage(png({ ...small, depth: 1, interlace: 1 }), 'x.png')).toThrow(
      'x.png is an interlaced 1-bit PNG, which is not supported',
    );
    const content = { width: 1, depth: 8, colourType: PALETTE, samples: [[7]] };
    expect(() => decodeImage(png({ ...content, chunks: [['PLTE', [1, 2, 3]]] }), 'x.png')).toThrow(
      'colour 7 is not in its palette',
    );
  });
});

describe('JPEG', () => {
  // Four flat quarters of 16×16 pixels, which JPEG preserves almost exactly.
  const quarters = [
    [250, 10, 10],
    [10, 250, 10],
    [10, 10, 250],
    [240, 240, 240],
  ];
  const [width, height] = [32, 48];
  const data = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = quarters[(y < 16 ? 0 : 2) + (x < 16 ? 0 : 1)];
      data.set([...colour, 255], (y * width + x) * 4);
    }
  }
  const bytes = encodeJpeg({ width, height, data }, 95).data;

  test('is decoded', () => {
    const image = decodeImage(bytes, 'a.jpg');
    expect([image.width, image.height]).toEqual([32, 48]);
    expect(image.data[3]).toBe(255);
    for (let i = 0; i < data.length; i++) expect(Math.abs(image.data[i] - data[i])).toBeLessThan(12);
  });

  test('is rotated by its EXIF orientation, in both byte orders', () => {
    const orientation = 6;
    const little = [
      0x49,
      0x49,
      42,
      0,
      8,
      0,
      0,
      0,
      2,
      0,
      0,
      1,
      3,
      0,
      1,
      0,
      0,
      0,
      9,
      0,
      0,
      0,
      0x12,
      1,
      3,
      0,
      1,
      0,
      0,
      0,
      orientation,
      0,
      0,
      0,
    ];
    const big = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    for (const tiff of [little, big]) {
      const segment = [...Buffer.from('Exif\0\0'), ...tiff];
      const app1 = Buffer.from([0xff, 0xe1, 0, segment.length + 2, ...segment]);
      const image = decodeImage(Buffer.concat([bytes.subarray(0, 2), app1, bytes.subarray(2)]), 'a.jpg');
      expect([image.width, image.height]).toEqual([48, 32]);
      // The file's first row is shown at the right, so its first pixel is at the top right.
      expect(image.data[47 * 4]).toBeGreaterThan(230);
      expect(image.data[0]).toBeLessThan(30);
    }
  });

  test('with corrupt EXIF data is not rotated', () => {
    const segment = [...Buffer.from('Exif\0\0'), 0x49, 0x49, 42, 0, 200, 0, 0, 0];
    const app1 = Buffer.from([0xff, 0xe1, 0, segment.length + 2, ...segment]);
    expect(decodeImage(Buffer.concat([bytes.subarray(0, 2), app1, bytes.subarray(2)]), 'a.jpg').width).toBe(32);
  });

  test('truncated at any byte is an error', () => {
    for (let length = 3; length < bytes.length; length++) {
      expect(() => decodeImage(bytes.subarray(0, length), 'b.jpg'), `${length} of ${bytes.length}`).toThrow(
        /^b\.jpg is a JPEG, but it is truncated, corrupt/,
      );
    }
  });

  test('of a giant size is an error', () => {
    const giant = Buffer.from(bytes);
    const frame = giant.indexOf(Buffer.of(0xff, 0xc0));
    giant.fill(0xff, frame + 5, frame + 9);
    expect(() => decodeImage(giant, 'x.jpg')).toThrow('x.jpg has more than 50 megapixels');
  });
});

// How the stored letter F must be shown in each orientation (EXIF 2.3, figure of tag 0x0112).
test.each([
  [1, ['##', '#.', '..']],
  [2, ['##', '.#', '..']],
  [3, ['..', '.#', '##']],
  [4, ['..', '#.', '##']],
  [5, ['##.', '#..']],
  [6, ['.##', '..#']],
  [7, ['..#', '.##']],
  [8, ['#..', '##.']],
])('orientation %i', (orientation, seen) => {
  const stored = ['##', '#.', '..'];
  const data = Uint8Array.from(
    stored
      .join('')
      .split('')
      .flatMap((c) => [c === '#' ? 1 : 0, 2, 3, 4]),
  );
  const { width, height, data: turned } = turnUpright({ width: 2, height: 3, data }, orientation);
  const rows = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (__, x) => (turned[(y * width + x) * 4] ? '#' : '.')).join(''),
  );
  expect(rows).toEqual(seen);
});

test('the error for other files has the name and the first bytes', () => {
  expect(() => decodeImage(Buffer.from('hello world'), 'five.png')).toThrow(
    'five.png is not a PNG or JPEG: its first bytes are 68 65 6c 6c 6f 20 77 6f.',
  );
  expect(() => decodeImage(new Uint8Array(0), 'five.png')).toThrow('five.png is empty.');
});
