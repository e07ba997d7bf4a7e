// Batches of images: pure in seed and step, each sample at most once per epoch, warps as strong as their settings.

import { describe, expect, test } from 'vitest';
import { RandomSource } from '../../src/core/random.ts';
import { imageBatches, evaluationBatches } from '../../src/data/image-batches.ts';
import type { ImageDataset } from '../../src/data/image-dataset.ts';
import { Warper } from '../../src/data/warp.ts';

/** `count` images of noise; sample i has class i mod 10 and first pixel i (below 256). */
function noise(count: number, side = 28): ImageDataset {
  const random = new RandomSource(1);
  const images = Uint8Array.from({ length: count * side * side }, () => random.integer(256));
  for (let i = 0; i < count; i++) images[i * side * side] = i;
  return { images, labels: Uint8Array.from({ length: count }, (_, i) => i % 10), count, height: side, width: side };
}

/** The samples in a batch without augmentation, by their first pixels. */
const samplesOf = (image: Float32Array, size: number, side: number): number[] => {
  const margin = (size - side) / 2;
  const firstPixel = margin * size + margin;
  return Array.from({ length: image.length / size ** 2 }, (_, i) =>
    Math.round(image[i * size ** 2 + firstPixel] * 255),
  );
};

describe('training batches', () => {
  const set = noise(103, 6);
  const options = { batchSize: 10, seed: 7, size: 8 };

  test('match their specs and centre each image on black', () => {
    const { specs, stepsPerEpoch, batch } = imageBatches(noise(20), { batchSize: 4, seed: 0, size: 32 });
    expect(specs).toEqual({ image: { shape: [4, 1, 32, 32], dtype: 'f32' }, label: { shape: [4], dtype: 'i32' } });
    expect(stepsPerEpoch).toBe(5);
    const { image, label } = batch(0);
    expect([image.length, label.length]).toEqual([4 * 32 * 32, 4]);
    const [sample] = samplesOf(image, 32, 28);
    const source = noise(20).images.subarray(sample * 784, (sample + 1) * 784);
    for (let y = 0; y < 32; y++) {
      for (let x = 0; x < 32; x++) {
        const inside = y >= 2 && y < 30 && x >= 2 && x < 30;
        const expected = inside ? source[(y - 2) * 28 + x - 2] / 255 : 0;
        expect(image[y * 32 + x]).toBe(Math.fround(expected));
      }
    }
  });

  test('visit no sample twice per epoch and keep images with their labels', () => {
    const { stepsPerEpoch, batch } = imageBatches(set, options);
    expect(stepsPerEpoch).toBe(10);
    for (const epoch of [0, 1, 5]) {
      const seen = new Set<number>();
      for (let i = 0; i < stepsPerEpoch; i++) {
        const { image, label } = batch(epoch * stepsPerEpoch + i);
        const samples = samplesOf(image, 8, 6);
        samples.forEach((sample) => seen.add(sample));
        expect([...label]).toEqual(samples.map((sample) => sample % 10));
      }
      expect(seen.size).toBe(100);
    }
  });

  test('have a different order for each epoch and seed', () => {
    const orderOf = (seed: number, epoch: number) =>
      samplesOf(imageBatches(set, { ...options, seed }).batch(epoch * 10).image, 8, 6).join();
    expect(new Set([orderOf(7, 0), orderOf(7, 1), orderOf(8, 0), orderOf(8, 1)]).size).toBe(4);
  });

  test.each([undefined, { shift: 2, rotate: 20, scale: 0.2, elastic: 1 }])(
    'are pure in seed and step (%o)',
    (augment) => {
      const make = () => imageBatches(set, { ...options, augment });
      const forward = make();
      const steps = [0, 1, 9, 10, 25, 3, 3];
      const first = steps.map((step) => forward.batch(step));
      const backward = steps.toReversed().map((step) => make().batch(step));
      expect(backward.toReversed()).toEqual(first);
      expect(forward.batch(9)).toEqual(first[2]);
      expect(first[5].image).not.toBe(first[6].image);
    },
  );

  test('warp a sample differently in each epoch', () => {
    const one = noise(1);
    const { batch } = imageBatches(one, { batchSize: 1, seed: 3, size: 32, augment: { rotate: 15 } });
    expect(batch(0).image).not.toEqual(batch(1).image);
  });

  test('reject impossible batch sizes, image sizes and steps', () => {
    expect(() => imageBatches(set, { ...options, batchSize: 104 })).toThrow(
      'A batch of 104 needs as many images, but the dataset has 103.',
    );
    expect(() => imageBatches(set, { ...options, batchSize: 0 })).toThrow(
      'A batch size must be an integer of at least 1, not 0.',
    );
    expect(() => imageBatches(set, { ...options, size: 5 })).toThrow('Images of 6×6 pixels do not fit into 5×5.');
    expect(() => imageBatches(set, options).batch(-1)).toThrow('A step must be an integer of at least 0, not -1.');
    expect(() => imageBatches(set, options).batch(0.5)).toThrow('not 0.5');
  });

  test('are fast enough not to limit training', () => {
    const perSecond = (augment?: object) => {
      const { batch } = imageBatches(noise(256), { batchSize: 64, seed: 1, size: 32, augment });
      let best = 0;
      for (let round = 0; round < 5; round++) {
        const start = performance.now();
        for (let step = 0; step < 10; step++) batch(step);
        best = Math.max(best, 640_000 / (performance.now() - start));
      }
      return best;
    };
    // A quarter of the target (20,000 and 5,000), so that the test passes on a busy machine.
    expect(perSecond()).toBeGreaterThan(5000);
    expect(perSecond({ shift: 2, rotate: 10, scale: 0.1, elastic: 1 })).toBeGreaterThan(1250);
  });
});

describe('evaluation batches', () => {
  test('have all samples in order, and the last one is padded', () => {
    const set = noise(25, 6);
    const batches = [...evaluationBatches(set, 10, 8)];
    expect(batches.map(({ count }) => count)).toEqual([10, 10, 5]);
    expect(batches.flatMap(({ image, count }) => samplesOf(image, 8, 6).slice(0, count))).toEqual(
      Array.from({ length: 25 }, (_, i) => i),
    );
    expect(batches.flatMap(({ label, count }) => [...label.subarray(0, count)])).toEqual([...set.labels]);
    const last = batches[2];
    expect([last.image.length, last.label.length]).toEqual([640, 10]);
    expect(last.image.subarray(5 * 64).some((value) => value !== 0)).toBe(false);
  });

  test('work for a dataset that divides evenly and for an empty one', () => {
    expect([...evaluationBatches(noise(20, 6), 10, 8)].map(({ count }) => count)).toEqual([10, 10]);
    expect([...evaluationBatches({ ...noise(1), count: 0 }, 10, 32)]).toEqual([]);
  });
});

describe('a warp', () => {
  const side = 6;
  const set = noise(1, side);
  const image = { data: set.images, offset: 0, height: side, width: side };
  /** Always draws the upper bound. */
  const highest = { uniform: (_: number, high: number) => high, normal: () => 1 } as unknown as RandomSource;

  const warped = (augment: object, random = highest, size = side) => {
    const out = new Float32Array(size * size);
    new Warper(size, augment).warp(image, random, out, 0);
    return out;
  };
  const expectPicture = (out: Float32Array, pixel: (x: number, y: number) => number) => {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) expect(out[y * side + x], `(${x}, ${y})`).toBeCloseTo(pixel(x, y), 5);
    }
  };
  const source = (x: number, y: number) =>
    x < 0 || y < 0 || x >= side || y >= side ? 0 : set.images[y * side + x] / 255;

  test('without settings changes nothing', () => {
    expectPicture(warped({}), source);
  });

  test('shifts by pixels', () => {
    expectPicture(warped({ shift: 2 }), (x, y) => source(x - 2, y - 2));
  });

  test('by half a pixel averages neighbours', () => {
    const mean = (x: number, y: number) =>
      (source(x, y) + source(x - 1, y) + source(x, y - 1) + source(x - 1, y - 1)) / 4;
    expectPicture(warped({ shift: 0.5 }), mean);
  });

  test('rotates by degrees', () => {
    expectPicture(warped({ rotate: 90 }), (x, y) => source(y, side - 1 - x));
  });

  test('scales by a fraction', () => {
    // At twice the size, 2.5 + (x - 2.5) / 2 is a quarter from one pixel and three quarters from the next.
    const out = warped({ scale: 1 });
    const at = (x: number) => 1.25 + x / 2;
    const between = (x: number, y: number) => {
      const [left, top] = [Math.floor(at(x)), Math.floor(at(y))];
      const [fx, fy] = [at(x) - left, at(y) - top];
      const row = (r: number) => (1 - fx) * source(left, r) + fx * source(left + 1, r);
      return (1 - fy) * row(top) + fy * row(top + 1);
    };
    expectPicture(out, between);
  });

  test('displaces smoothly with the given standard deviation', () => {
    // On a ramp, brightness measures the horizontal displacement.
    const size = 32;
    const ramp = Uint8Array.from({ length: 200 * 200 }, (_, i) => i % 200);
    const picture = { data: ramp, offset: 0, height: 200, width: 200 };
    const warper = new Warper(size, { elastic: 1.5 });
    let [sum, squares, steps, count] = [0, 0, 0, 0];
    for (let seed = 0; seed < 40; seed++) {
      const out = new Float32Array(size * size);
      warper.warp(picture, new RandomSource(seed), out, 0);
      let previous = 0;
      out.forEach((value, i) => {
        const displacement = value * 255 - (i % size) - 84;
        if (i % size > 0) steps = Math.max(steps, Math.abs(displacement - previous));
        previous = displacement;
        sum += displacement;
        squares += displacement ** 2;
        count++;
      });
    }
    expect(Math.abs(sum / count)).toBeLessThan(0.3);
    expect(Math.sqrt(squares / count)).toBeGreaterThan(1.3);
    expect(Math.sqrt(squares / count)).toBeLessThan(1.7);
    expect(steps).toBeLessThan(1.5);
  });

  test('stays within its bounds', () => {
    const dot = new Uint8Array(21 * 21);
    dot[10 * 21 + 10] = 255;
    const picture = { data: dot, offset: 0, height: 21, width: 21 };
    const warper = new Warper(21, { shift: 3, rotate: 45, scale: 0.5 });
    const reached = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const out = new Float32Array(21 * 21);
      warper.warp(picture, new RandomSource(seed), out, 0);
      out.forEach((value, i) => {
        if (value === 0) return;
        const far = Math.max(Math.abs((i % 21) - 10), Math.abs(Math.floor(i / 21) - 10));
        reached.add(far);
        // Beyond 3 pixels by less than the dot's own width at 150 %.
        expect(far).toBeLessThan(3 + 1.5 * Math.SQRT2);
      });
    }
    expect(reached.has(3)).toBe(true);
  });
});
