// Convolutions with one window: a matrix product if the window is the whole image, unless padding shifts it.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { spec } from '../../src/core/tensor.ts';
import { conv2d, convTranspose2d } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';

const count = Float32Array.from({ length: 9 }, (_, i) => i + 1);

test.each([
  { padding: 0, sum: 45 },
  { padding: 1, sum: 1 + 2 + 4 + 5 },
])('padding $padding: the sum covers the part of the window inside the image', async ({ padding, sum }) => {
  const program = await compile(new CpuDevice(), ({ x, one }) => conv2d(x, one, undefined, { stride: 3, padding }), {
    x: spec([1, 1, 3, 3]),
    one: spec([1, 1, 3, 3]),
  });
  const y = await program.run({ x: count, one: new Float32Array(9).fill(1) });
  expect([...y.data]).toEqual([sum]);
  program.dispose();
});

test.each([
  { padding: 0, outputPadding: 0, image: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
  { padding: 1, outputPadding: 2, image: [5, 6, 0, 8, 9, 0, 0, 0, 0] },
])('padding $padding, transposed: the kernel is cropped', async ({ image, ...options }) => {
  const program = await compile(
    new CpuDevice(),
    ({ x, weight }) => convTranspose2d(x, weight, undefined, { stride: 3, ...options }),
    { x: spec([1, 1, 1, 1]), weight: spec([1, 1, 3, 3]) },
  );
  expect([...(await program.run({ x: Float32Array.of(1), weight: count })).data]).toEqual(image);
  program.dispose();
});
