// A bias that is null, as layers without one hold it, is the same as one that is not given.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { spec, type Tensor, type TensorSpec } from '../../src/core/tensor.ts';
import * as ops from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';

type Call = (x: Tensor, weight: Tensor, none?: null) => Tensor;

const [sequence, image] = [spec([2, 4, 6]), spec([2, 4, 6, 6])];
const cases: [string, Call, TensorSpec, TensorSpec][] = [
  ['linear', (x, w, none) => ops.linear(x, w, none), spec([2, 4]), spec([3, 4])],
  ['conv1d', (x, w, none) => ops.conv1d(x, w, none), sequence, spec([3, 4, 2])],
  ['conv2d', (x, w, none) => ops.conv2d(x, w, none), image, spec([3, 4, 2, 2])],
  ['conv2d of one window', (x, w, none) => ops.conv2d(x, w, none), image, spec([3, 4, 6, 6])],
  ['convTranspose1d', (x, w, none) => ops.convTranspose1d(x, w, none), sequence, spec([4, 3, 2])],
  ['convTranspose2d', (x, w, none) => ops.convTranspose2d(x, w, none), image, spec([4, 3, 2, 2])],
  ['layerNorm', (x, weight, bias) => ops.layerNorm(x, 6, { weight, bias }), sequence, spec([6])],
  ['groupNorm', (x, weight, bias) => ops.groupNorm(x, 2, { weight, bias }), sequence, spec([4])],
  ['instanceNorm', (x, weight, bias) => ops.instanceNorm(x, { weight, bias }), sequence, spec([4])],
  [
    'batchNorm while training',
    (x, weight, bias) => ops.batchNorm(x, null, null, { weight, bias, training: true }),
    sequence,
    spec([4]),
  ],
  ['batchNorm', (x, weight, bias) => ops.batchNorm(x, weight, weight, { bias }), sequence, spec([4])],
  ['layerNorm without weight', (x, _, weight) => ops.layerNorm(x, 6, { weight }), sequence, spec([6])],
  ['rmsNorm without weight', (x, _, weight) => ops.rmsNorm(x, 6, { weight }), sequence, spec([6])],
  ['attention', (x, _, bias) => ops.scaledDotProductAttention(x, x, x, { mask: bias, bias }), image, spec([1])],
  ['rnnCell', (x, w, none) => ops.rnnCell(x, x, { weightIh: w, weightHh: w, biasIh: none, biasHh: none }), spec([2, 4]), spec([4, 4])],
]; // prettier-ignore

const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.cos(i) + 1.5);

test.each(cases)('%s', async (_name, call, x, weight) => {
  const fn = (inputs: { x: Tensor; weight: Tensor }) => ({
    absent: call(inputs.x, inputs.weight),
    none: call(inputs.x, inputs.weight, null),
  });
  using program = await compile(new CpuDevice(), fn, { x, weight });
  const sizes = [x, weight].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const { absent, none } = await program.run({ x: numbers(sizes[0]), weight: numbers(sizes[1]) });
  expect(absent.data.some((value) => value !== 0)).toBe(true);
  expect(none).toEqual(absent);
});
