// The divergence finder: finds nothing if all nodes are right, else the first wrong one.

import { expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { Parameter } from '../../src/core/parameter.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { assign } from '../../src/core/trace.ts';
import { add, conv2d, dropout, matmul, maxPool2d, mul, relu, reshape, softmax, sum } from '../../src/ops/index.ts';
import { diverge } from '../../src/verify/diverge.ts';
import { brokenDevice } from '../harness/broken-device.ts';
import { testGpu } from '../harness/devices.ts';

const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1));
const parameter = (name: string, shape: number[]) =>
  new Parameter({ shape, dtype: 'f32', data: numbers(shape.reduce((a, b) => a * b, 1)) }, { name });
const kernel = parameter('kernel', [3, 1, 3, 3]);
const weight = parameter('weight', [27, 5]);

/** A training step of a small network. */
function network({ image }: Readonly<Record<string, Tensor>>) {
  const maps = maxPool2d(relu(conv2d(image, kernel)), 2); // [2, 3, 3, 3]
  const scores = softmax(matmul(dropout(reshape(maps, [2, 27]), 0.25), weight)); // [2, 5]
  const loss = sum(mul(scores, scores));
  const [gradient] = grad(loss, [weight]);
  assign(weight, add(weight, mul(gradient, -0.1)));
  return { loss };
}
const specs = { image: spec([2, 1, 8, 8]) };
const inputs = { image: numbers(128) };

test('if all nodes agree, the worst one is reported, and parameters keep their values', async () => {
  const progress: number[] = [];
  const before = await weight.read();
  const found = await diverge(await testGpu(), network, specs, inputs, { onProgress: (done) => progress.push(done) });
  expect(found).toMatchObject({ repro: null, nodes: progress.length });
  expect(found.compared).toBeGreaterThan(10);
  expect(found.worst!.part).toBeLessThan(1);
  expect(await weight.read()).toEqual(before);
});

test('a wrong kernel in the middle is found at its own node', async () => {
  const device = brokenDevice(await testGpu(), 'matmul.register');
  const { repro, worst } = await diverge(device, network, specs, inputs, { seed: 5 });
  expect(worst).toMatchObject({ op: 'matmul', kernels: ['matmul.register'] });
  expect(repro).toMatchObject({
    op: 'matmul',
    attrs: { transposeA: false, transposeB: false },
    inputs: [spec([2, 27]), spec([27, 5])],
    outputs: [spec([2, 5])],
    seed: 5,
    adapter: { kind: 'webgpu' },
  });
  expect(repro!.problem).toMatch(/element \d+ is/);
  expect(repro!.kernels[0].wgsl).toContain('@compute');
  expect(repro!.values!.map(({ length }) => length)).toEqual([54, 135]);
  expect(JSON.parse(JSON.stringify(repro))).toEqual(repro);
});
