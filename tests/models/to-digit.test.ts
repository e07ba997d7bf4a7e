// Images of digits as LeNet's input: independent of position, size, paper, colour and noise.

import { describe, expect, test } from 'vitest';
import { RandomSource } from '../../src/core/random.ts';
import type { ImageDataset } from '../../src/data/image-dataset.ts';
import { openDataFiles } from '../../src/data/data-files-node.ts';
import { evaluationBatches } from '../../src/data/image-batches.ts';
import { loadMnist } from '../../src/data/mnist.ts';
import { resizeGrey } from '../../src/data/resize.ts';
import type { RgbaImage } from '../../src/data/rgba-image.ts';
import { toDigit } from '../../models/cnn/lenet5/to-digit.ts';
import { realData } from '../harness/real-data.ts';

type Colour = readonly [number, number, number, number];
const WHITE: Colour = [255, 255, 255, 255];
const BLACK: Colour = [0, 0, 0, 255];
const CLEAR: Colour = [0, 0, 0, 0];

/** An image that blends from `paper` to `pen` by `ink(x, y)`, 0 to 1. */
function drawn(
  width: number,
  height: number,
  ink: (x: number, y: number) => number,
  paper = WHITE,
  pen = BLACK,
): RgbaImage {
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const amount = ink(x, y);
      data.set(
        paper.map((value, c) => Math.round(value + amount * (pen[c] - value))),
        (y * width + x) * 4,
      );
    }
  }
  return { width, height, data };
}

const digitOf = ({ data, width, height }: RgbaImage) => toDigit(data, width, height);
/** A 7 of 40×60 pixels with its corner at (left, top), enlarged by `zoom`. */
const seven =
  (left: number, top: number, zoom = 1) =>
  (px: number, py: number) => {
    const [x, y] = [Math.floor((px - left) / zoom), Math.floor((py - top) / zoom)];
    if (x < 0 || y < 0 || x >= 40 || y >= 60) return 0;
    return y < 8 || Math.abs(x + (y - 8) * 0.6 - 36) < 4 ? 1 : 0;
  };
const difference = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
const centreOf = (input: Float32Array) => {
  const mass = input.reduce((sum, value) => sum + value, 0);
  return [0, 1].map(
    (axis) => input.reduce((sum, v, i) => sum + v * (axis === 0 ? i % 32 : Math.floor(i / 32)), 0) / mass,
  );
};

describe('a drawn digit', () => {
  const plain = digitOf(drawn(100, 100, seven(30, 20)))!;

  test('fits 20 pixels, is centred by mass, and is 1 on 0', () => {
    const rows = [...Array(32).keys()].filter((y) => plain.subarray(32 * y, 32 * y + 32).some((v) => v > 0));
    expect(rows.length).toBe(20);
    const columns = [...Array(32).keys()].filter((x) => rows.some((y) => plain[32 * y + x] > 0));
    expect(columns.length).toBe(13);
    for (const centre of centreOf(plain)) expect(Math.abs(centre - 16)).toBeLessThanOrEqual(0.5);
    expect(Math.max(...plain)).toBe(1);
    expect(plain[0]).toBe(0);
  });

  test.each<[string, RgbaImage, number]>([
    ['elsewhere', drawn(100, 100, seven(60, 40)), 0],
    ['on a wide page', drawn(300, 80, seven(200, 10)), 0],
    ['enlarged three times', drawn(300, 300, seven(90, 60, 3)), 1e-6],
    ['in white on black', drawn(100, 100, seven(30, 20), BLACK, WHITE), 0],
    ['in black on transparency', drawn(100, 100, seven(30, 20), CLEAR, BLACK), 0],
    ['in white on transparency', drawn(100, 100, seven(30, 20), CLEAR, WHITE), 0],
    ['in blue on yellow', drawn(100, 100, seven(30, 20), [250, 230, 90, 255], [20, 30, 160, 255]), 0],
    ['in grey on grey', drawn(100, 100, seven(30, 20), [140, 140, 140, 255], [110, 110, 110, 255]), 0],
    ['up to the edge', drawn(40, 60, seven(0, 0)), 0],
  ])('is the same %s', (_, picture, tolerance) => {
    expect(difference(digitOf(picture)!, plain)).toBeLessThanOrEqual(tolerance);
  });

  test('is nearly the same on uneven, grainy paper', () => {
    const grain = new RandomSource(2);
    const photo = drawn(100, 100, seven(30, 20), [200, 200, 190, 255], [50, 50, 60, 255]);
    for (let i = 0; i < photo.data.length; i++) {
      const x = (i >> 2) % 100;
      if (i % 4 < 3) photo.data[i] += Math.round(0.2 * (x - 50) + 2 * grain.normal());
    }
    expect(difference(digitOf(photo)!, plain)).toBeLessThan(0.02);
  });

  test('reaches full ink even with thin strokes', () => {
    const thin = digitOf(drawn(300, 300, (x, y) => (Math.abs(x - 150) < 2 && y > 50 && y < 250 ? 1 : 0)))!;
    expect(Math.max(...thin)).toBe(1);
    expect(thin.filter((value) => value > 0).length).toBe(20);
  });

  test('stays inside the 28×28 square if lopsided', () => {
    const mallet = digitOf(
      drawn(200, 200, (x, y) => (x < 10 && y === 100 ? 1 : x > 180 ? 1 : x < 181 && y === 100 ? 1 : 0)),
    );
    const edge = mallet!.filter((_, i) => i % 32 < 2 || i % 32 >= 30 || i < 64 || i >= 960);
    expect(Math.max(...edge)).toBe(0);
  });

  test('may be a single pixel', () => {
    expect(Math.max(...digitOf(drawn(9, 9, (x, y) => (x === 4 && y === 2 ? 1 : 0)))!)).toBe(1);
  });
});

test.each<[string, RgbaImage]>([
  ['white', drawn(50, 40, () => 0)],
  ['black', drawn(50, 40, () => 1)],
  ['transparent', drawn(50, 40, () => 0, CLEAR)],
  ['one pixel', drawn(1, 1, () => 1)],
  ['slightly grainy', drawn(50, 40, (x, y) => ((x * 7 + y * 3) % 5) / 100)],
])('an empty page (%s) gives null', (_, picture) => {
  expect(digitOf(picture)).toBeNull();
});

test('a wrong number of pixels is an error', () => {
  expect(() => toDigit(new Uint8Array(15), 2, 2)).toThrow('A picture of 2×2 pixels needs 16 bytes of RGBA, not 15.');
  expect(() => toDigit(new Uint8Array(0), 0, 0)).toThrow('A picture of 0×0 pixels');
});

describe('resizing', () => {
  const noise = Float32Array.from({ length: 12 * 9 }, (_, i) => ((i * 37) % 101) / 100);
  const whole = { left: 0, top: 0, width: 12, height: 9 };

  test('to the same size changes nothing; a box is cropped', () => {
    expect(resizeGrey(noise, 12, whole, 12, 9)).toEqual(noise);
    const box = { left: 3, top: 2, width: 2, height: 2 };
    expect([...resizeGrey(noise, 12, box, 2, 2)]).toEqual([27, 28, 39, 40].map((i) => noise[i]));
  });

  test('to a smaller size averages areas, including fractions of pixels', () => {
    const [first] = resizeGrey(noise, 12, whole, 4, 3);
    const nine = [0, 1, 2, 12, 13, 14, 24, 25, 26].map((i) => noise[i]);
    expect(first).toBeCloseTo(nine.reduce((a, b) => a + b) / 9, 6);
    const row = resizeGrey(Float32Array.of(1, 4, 10), 3, { left: 0, top: 0, width: 3, height: 1 }, 2, 1);
    expect([...row]).toEqual([(1 + 4 * 0.5) / 1.5, (4 * 0.5 + 10) / 1.5]);
  });

  test('preserves the mean, and flat images, at any size', () => {
    for (const [width, height] of [
      [1, 1],
      [5, 7],
      [11, 2],
      [30, 40],
    ]) {
      const flat = resizeGrey(new Float32Array(108).fill(0.5), 12, whole, width, height);
      for (const value of flat) expect(value).toBeCloseTo(0.5, 6);
    }
    const mean = (values: Float32Array) => values.reduce((a, b) => a + b) / values.length;
    expect(mean(resizeGrey(noise, 12, whole, 7, 5))).toBeCloseTo(mean(noise), 6);
  });

  test('to a larger size interpolates neighbours', () => {
    const row = resizeGrey(Float32Array.of(0, 1), 2, { left: 0, top: 0, width: 2, height: 1 }, 4, 1);
    expect([...row]).toEqual([0, 0.25, 0.75, 1]);
  });
});

const mnist = realData('mnist');
describe.skipIf(!mnist)('real MNIST digits, redrawn', () => {
  const COUNT = 50;
  const redraw = (set: ImageDataset, i: number, zoom: number, margin: number, paper: Colour, pen: Colour) => {
    const source = Float32Array.from(set.images.subarray(i * 784, i * 784 + 784), (value) => value / 255);
    const side = Math.round(28 * zoom);
    const large = resizeGrey(source, 28, { left: 0, top: 0, width: 28, height: 28 }, side, side);
    const ink = (x: number, y: number) =>
      x < margin || x >= margin + side || y >= side ? 0 : large[y * side + x - margin];
    return digitOf(drawn(side + 2 * margin, side, ink, paper, pen))!;
  };
  /** The class of the nearest neighbour among 2,000 training digits. */
  const nearest = (train: ImageDataset, input: Float32Array) => {
    let [best, label] = [Infinity, -1];
    for (let i = 0; i < 2000; i++) {
      let distance = 0;
      for (let y = 0; y < 28; y++) {
        for (let x = 0; x < 28; x++) {
          distance += (input[(y + 2) * 32 + x + 2] - train.images[i * 784 + y * 28 + x] / 255) ** 2;
        }
      }
      if (distance < best) [best, label] = [distance, train.labels[i]];
    }
    return label;
  };

  test('are converted back to MNIST’s form', async () => {
    const files = await openDataFiles([mnist!]);
    const set = await loadMnist(files, 'test');
    const train = await loadMnist(files, 'train');
    const [{ image }] = evaluationBatches({ ...set, count: COUNT }, COUNT, 32);
    const original = (i: number) => image.subarray(i * 1024, (i + 1) * 1024);
    const right = (input: (i: number) => Float32Array) =>
      [...Array(COUNT).keys()].filter((i) => nearest(train, input(i)) === set.labels[i]).length;
    const expected = right(original);
    for (const [name, zoom, margin, paper, pen, tolerance] of [
      ['unchanged', 1, 0, BLACK, WHITE, 0.003],
      ['enlarged six times, black on white', 6, 20, WHITE, BLACK, 0.03],
      ['enlarged three times, off centre, green', 3, 90, BLACK, [20, 255, 90, 255], 0.03],
      ['enlarged five times, transparent', 5, 7, CLEAR, BLACK, 0.03],
      ['smaller', 0.7, 4, WHITE, BLACK, 0.05],
    ] as const) {
      const inputs = Array.from({ length: COUNT }, (_, i) => redraw(set, i, zoom, margin, paper, pen));
      const mean = inputs.reduce((sum, input, i) => sum + difference(input, original(i)), 0) / COUNT;
      expect(mean, `${name}: mean difference`).toBeLessThan(tolerance);
      expect(
        right((i) => inputs[i]),
        `${name}: digits recognised`,
      ).toBeGreaterThanOrEqual(expected - 3);
    }
  });
});
