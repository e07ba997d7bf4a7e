// Gradients of gradients on the GPU: penalties on a discriminator's gradient train by them.

import { expect, test } from 'vitest';
import {
  compile, CpuDevice, grad, maxPool2d, mul, RandomSource, spec, square, sum, type Device, type Tensor, type TypedArray,
} from '../../src/node.ts'; // prettier-ignore
import { sizeOf } from '../../src/core/shape.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { units } from '../../src/verify/tolerances.ts';

const random = (length: number, stream: number): TypedArray => {
  const source = new RandomSource(5, stream);
  return Float32Array.from({ length }, () => source.uniform(-1, 1));
};

test.each([
  { windows: 'tiled', shape: [1, 2, 4, 6], output: [1, 2, 2, 3], kernel: 2, options: {} },
  { windows: 'overlapping', shape: [2, 1, 7, 6], output: [2, 1, 4, 3], kernel: 3, options: { stride: 2, padding: 1 } },
])('of max pooling over $windows windows are the same on the CPU and the GPU', async (one) => {
  const run = async (device: Device) => {
    using program = await compile(
      device,
      ({ x, w }): Record<string, Tensor> => {
        // The gradient of Σ w · pool(x)² is 2 · w · pool(x) at the largest values, which depends on x again.
        const [first] = grad(sum(mul(w, square(maxPool2d(x, one.kernel, one.options)))), [x]);
        const [byX, byW] = grad(sum(square(first)), [x, w]);
        return { first, byX, byW };
      },
      { x: spec(one.shape), w: spec(one.output) },
    );
    return program.run({ x: random(sizeOf(one.shape), 0), w: random(sizeOf(one.output), 1) });
  };
  const [gpu, cpu] = [await run(await testGpu()), await run(new CpuDevice())];
  for (const name of Object.keys(cpu)) expect(difference(name, gpu[name], cpu[name], units(16))).toBeNull();
  expect(cpu.byX.data.some((value) => value !== 0)).toBe(true);
});
