// Kernels with a fixed array length in WGSL cover exactly all elements, also if the length is not a multiple of four.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { wgslSource } from '../../src/backends/webgpu/wgsl-source.ts';
import { RandomSource } from '../../src/core/random.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { add, cast, concat, flip, gelu, mul, slice, sum } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';

const build = ({ x, y }: Record<string, Tensor>) => ({
  curved: gelu(add(x, cast(y, 'f32'))),
  whole: add(y, 3),
  backwards: flip(x, [0]),
  longer: concat([x, mul(slice(x, [1], [x.size]), 2)], 0),
  total: sum(mul(x, x)),
});

for (const length of [65535, 65536, 65537, 65538, 65539, 70001]) {
  test(`${length} elements`, async () => {
    const random = new RandomSource(1, length);
    const inputs = {
      x: Float32Array.from({ length }, () => random.uniform(-2, 2)),
      y: Int32Array.from({ length }, () => random.integer(7)),
    };
    const specs = { x: spec([length]), y: spec([length], 'i32') };
    const gpu = await testGpu();
    using program = await compile(gpu, build, specs);
    using reference = await compile(new CpuDevice(), build, specs);
    const texts = program.plan.steps.flatMap(({ kernels }) => kernels.map(wgslSource));
    const told = new RegExp(`array<i32, ${length}>|array<vec4<i32>, ${Math.ceil(length / 4)}>`);
    expect(texts.some((text) => told.test(text))).toBe(length >= 65536);
    const [actual, expected] = [await program.run(inputs), await reference.run(inputs)];
    for (const [name, value] of Object.entries(expected))
      expect(difference('lengths', actual[name as 'total'], value, { absolute: 2e-6, relative: 2e-6 })).toBeNull();
  });
}
