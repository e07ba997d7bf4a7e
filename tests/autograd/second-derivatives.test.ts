// Second derivatives on the GPU, as used by gradient penalties of a discriminator.

import { describe, expect, test } from 'vitest';
import {
  compile, conv2d, CpuDevice, flatten, grad, leakyRelu, matmul, maxPool2d, mean, mul, RandomSource, spec, sqrt, square, sub, sum, tanh,
  type Device, type Tensor, type TensorData, type TypedArray,
} from '../../src/node.ts'; // prettier-ignore
import { sizeOf } from '../../src/core/shape.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { readFixture } from '../harness/fixtures.ts';
import { runsAll } from '../harness/test-op.ts';
import { units } from '../../src/verify/tolerances.ts';

const random = (length: number, stream: number): TypedArray => {
  const source = new RandomSource(5, stream);
  return Float32Array.from({ length }, () => source.uniform(-1, 1));
};

test.each([
  { windows: 'tiled', shape: [1, 2, 4, 6], output: [1, 2, 2, 3], kernel: 2, options: {} },
  { windows: 'overlapping', shape: [2, 1, 7, 6], output: [2, 1, 4, 3], kernel: 3, options: { stride: 2, padding: 1 } },
])('of max pooling over $windows windows agree on the CPU and the GPU', async (one) => {
  const run = async (device: Device) => {
    using program = await compile(
      device,
      ({ x, w }): Record<string, Tensor> => {
        // The gradient of Σ w · pool(x)² is 2 · w · pool(x) at the maxima, which again depends on x.
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

/** A discriminator with two convolutions: [N, 2, 8, 8] → [N, 1]. */
function score(x: Tensor, p: Readonly<Record<string, Tensor>>): Tensor {
  const h = leakyRelu(conv2d(x, p['c1.weight'], p['c1.bias'], { stride: 2, padding: 1 }), 0.2); // [N, 4, 4, 4]
  const features = tanh(conv2d(h, p['c2.weight'], p['c2.bias'], { stride: 2, padding: 1 })); // [N, 6, 2, 2]
  return matmul(flatten(features), p.output);
}

const penalties: Record<string, (squares: Tensor) => Tensor> = {
  wganGp: (squares) => mean(square(sub(sqrt(squares), 1))),
  r1: (squares) => mean(squares),
};

describe('gradient penalties of a convolutional discriminator', () => {
  const { tensors } = readFixture('penalties');
  const names = [...tensors.keys()].filter((key) => key.startsWith('params/')).map((key) => key.slice(7));
  const inputs = {
    x: tensors.get('x')!,
    ...Object.fromEntries(names.map((key) => [key, tensors.get(`params/${key}`)!])),
  };
  const specs = Object.fromEntries(Object.entries(inputs).map(([key, { shape }]) => [key, spec(shape)]));
  const values = Object.fromEntries(Object.entries(inputs).map(([key, { data }]) => [key, data]));

  /** Each penalty's value and gradients, with variant `index` of every op, or its last one. */
  async function run(device: Device, index = 0) {
    const build = ({ x, ...params }: Record<string, Tensor>): Record<string, Tensor> => {
      const scores = score(x, params);
      const [slope] = grad(sum(scores), [x]);
      const squares = sum(square(slope), [1, 2, 3]);
      const results = Object.entries(penalties).flatMap(([name, penalty]) => {
        const value = penalty(squares);
        const gradients = grad(value, names.map((key) => params[key])); // prettier-ignore
        return [[`${name}/value`, value] as const, ...names.map((key, i) => [`${name}/${key}`, gradients[i]] as const)];
      });
      return { score: scores, ...Object.fromEntries(results) };
    };
    using program = await compile(device, build, specs, {
      chooseVariant: (_op, variants) => variants[Math.min(index, variants.length - 1)],
    });
    return program.run(values);
  }

  const expectLike = (
    found: Awaited<ReturnType<typeof run>>,
    expected: (key: string) => TensorData,
    allowed: number,
  ) => {
    const wrong = Object.keys(found).flatMap((key) => {
      const problem = difference(`penalties ${allowed}`, found[key], expected(key), units(allowed));
      return problem ? [`${key}: ${problem}`] : [];
    });
    expect(wrong).toEqual([]);
  };
  test('match PyTorch on the CPU', async () => {
    expectLike(await run(new CpuDevice()), (key) => tensors.get(key)!, 3);
  });

  // Tiled variants take seconds on software adapters.
  test.each(runsAll ? [0, 1, 2] : [0])('match on the GPU, with variant %i of every op', async (index) => {
    const cpu = await run(new CpuDevice());
    expectLike(await run(await testGpu(), index), (key) => cpu[key], 14);
  });
});
