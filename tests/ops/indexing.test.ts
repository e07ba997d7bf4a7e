// Ops that gather, scatter and sort by index.

import { expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { spec } from '../../src/core/tensor.ts';
import * as ops from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { testGpu } from '../harness/devices.ts';
import { testOps } from '../harness/test-op.ts';
import { indexing } from './specs/indexing.ts';

testOps(indexing);

test.each([
  [-1, [0, 0, 0, 0], [0, 0]],
  [1, [0, 5, 6, 0], [2, 3]],
  [3, [0, 0, 0, 0], [0, 0]],
])(
  'updateSlice with onlyInside at %i writes a slice only if it fits completely, forward and backward',
  async (place, values, gradient) => {
    for (const device of [new CpuDevice(), await testGpu()]) {
      using program = await compile(
        device,
        ({ value, position, cache, weights }) => {
          const y = ops.updateSlice(value, position, cache, { axis: 0, onlyInside: true });
          const [dvalue, dcache] = grad(ops.sum(ops.mul(y, weights)), [value, cache]);
          return { y, dvalue, dcache };
        },
        { value: spec([2]), position: spec([1], 'i32'), cache: spec([4]), weights: spec([4]) },
      );
      const inputs = { value: Float32Array.of(5, 6), position: Int32Array.of(place), cache: new Float32Array(4) };
      const { y, dvalue, dcache } = await program.run({ ...inputs, weights: Float32Array.of(1, 2, 3, 4) });
      expect([...y.data]).toEqual(values);
      expect([...dvalue.data]).toEqual(gradient);
      expect([...dcache.data]).toEqual([1, 2, 3, 4].map((weight, i) => (values[i] === 0 ? weight : 0)));
    }
  },
);

const indexed = (device: Parameters<typeof compile>[0]) =>
  compile(
    device,
    ({ x, index }) => ({
      picked: ops.gather(x, index, 0),
      added: ops.scatterAdd(ops.expand(ops.slice(x, [0], [1]), [2]), index, x, 0),
    }),
    { x: spec([3]), index: spec([3], 'i32') },
  );

test('an index out of range is an error on the CPU; on a GPU it reads 0 and adds nothing', async () => {
  const inputs = { x: Float32Array.of(1, 2, 4), index: Int32Array.of(-1, 0, 7) };
  using onCpu = await indexed(new CpuDevice());
  await expect(onCpu.run(inputs)).rejects.toThrow(/index -1 at position 0 is out of range: axis 0 has size [23]/);
  using onGpu = await indexed(await testGpu());
  const { picked, added } = await onGpu.run(inputs);
  expect([[...picked.data], [...added.data]]).toEqual([[0, 1, 0], [3, 1]]); // prettier-ignore
});
