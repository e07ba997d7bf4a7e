// The page's generated digits: reproducible, balanced, and centred like MNIST's.

import { expect, test } from 'vitest';
import { makeDigits } from '../../demos/cnn/digits.ts';

const SIZE = 32;

test('the same seed gives the same digits, a different one others', () => {
  const [first, again, other] = [makeDigits(50, 7), makeDigits(50, 7), makeDigits(50, 8)];
  expect(again).toEqual(first);
  expect(other.images).not.toEqual(first.images);
});

test('classes are equally frequent and shuffled', () => {
  const { labels } = makeDigits(200, 1);
  const counts = Array.from({ length: 10 }, (_, digit) => labels.filter((label) => label === digit).length);
  expect(counts).toEqual(Array(10).fill(20));
  // Every fifth digit must not be of the same two classes, because a subset must represent the whole.
  expect(new Set(labels.filter((_, i) => i % 5 === 0)).size).toBe(10);
});

test('a digit has full ink, an empty margin, and a centred mass', () => {
  const { images, count } = makeDigits(300, 3);
  for (let i = 0; i < count; i++) {
    const image = images.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE);
    let [mass, sumX, sumY, margin] = [0, 0, 0, 0];
    image.forEach((ink, at) => {
      const [x, y] = [at % SIZE, Math.floor(at / SIZE)];
      mass += ink;
      sumX += ink * (x + 0.5);
      sumY += ink * (y + 0.5);
      if (Math.min(x, y, SIZE - 1 - x, SIZE - 1 - y) === 0) margin += ink;
    });
    expect(Math.max(...image)).toBe(255);
    expect(margin).toBe(0);
    // Crossing strokes count once in the image but twice in the path.
    expect(Math.abs(sumX / mass - SIZE / 2)).toBeLessThan(1.5);
    expect(Math.abs(sumY / mass - SIZE / 2)).toBeLessThan(1.5);
  }
});

test('some digits are printed instead of handwritten', () => {
  const image = new Uint8Array(SIZE * SIZE).fill(9);
  const { images, labels } = makeDigits(400, 1, [{ label: 4, image }]);
  const printed = Array.from(labels).filter(
    (_, i) => images[i * SIZE * SIZE] === 9 && images[(i + 1) * SIZE * SIZE - 1] === 9,
  );
  expect(new Set(printed)).toEqual(new Set([4]));
  expect(printed.length).toBeGreaterThan(2);
  expect(printed.length).toBeLessThan(25);
});
