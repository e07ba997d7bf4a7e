// Rows longer than one workgroup processes at once: every variant matches the CPU.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { RandomSource } from '../../src/core/random.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import * as ops from '../../src/ops/index.ts';
import { firstInOrder } from '../../src/ops/indexing/sort.ts';
import { compile, type CompileOptions } from '../../src/runtime/compile.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';

const modes = [{}, { exclusive: true }, { reverse: true }, { exclusive: true, reverse: true }];
const nameOf = (mode: object) => ['scan', ...Object.keys(mode)].join(' ');
const eachMode = (scan: (mode: object) => Tensor) =>
  Object.fromEntries(modes.map((mode) => [nameOf(mode), scan(mode)] as const));

interface LongRows {
  readonly shape: readonly number[];
  readonly range: readonly [number, number];
  readonly variants: readonly string[];
  build(x: Tensor): Record<string, Tensor>;
}

const reduceVariants = ['serial', 'tree', 'splits.serial', 'splits.tree'];
const cases: Record<string, LongRows> = {
  sum: {
    shape: [3, 2500],
    range: [-0.1, 0.1],
    variants: reduceVariants,
    build: (x) => ({
      y: ops.sum(x, 1),
      all: ops.sum(x),
      planes: ops.sum(ops.reshape(x, [3, 25, 4, 25]), [1, 3]),
      alongFours: ops.sum(ops.reshape(x, [3, 25, 25, 4]), [1, 3]),
      acrossFours: ops.sum(ops.reshape(x, [3, 25, 100]), 1),
      fewAcrossFours: ops.sum(ops.reshape(x, [1875, 4]), 0),
    }),
  },
  // Large enough that a thread computes several elements on a software adapter, and not a multiple of a workgroup's share.
  tanh: {
    shape: [131, 127],
    range: [-2, 2],
    variants: ['single', 'fours'],
    build: (x) => ({ y: ops.tanh(ops.mul(x, ops.slice(x, [0, 0], [1, 127]))), z: ops.neg(x) }),
  },
  max: {
    shape: [2500, 3],
    range: [-0.1, 0.1],
    variants: reduceVariants,
    build: (x) => ({ y: ops.max(x, 0), all: ops.max(x), planes: ops.max(ops.reshape(x, [25, 20, 5, 3]), [0, 1]) }),
  },
  cumsum: {
    shape: [2, 2500],
    range: [-0.1, 0.1],
    variants: ['serial', 'group', 'chunks'],
    build: (x) => eachMode((mode) => ops.cumsum(x, 1, mode)),
  },
  cumprod: {
    shape: [2100, 2],
    range: [0.9, 1.1],
    variants: ['serial', 'group', 'chunks'],
    build: (x) => eachMode((mode) => ops.cumprod(x, 0, mode)),
  },
  argsort: {
    shape: [2, 3000],
    range: [-9, 9],
    variants: ['serial', 'group'],
    build: (x) => ({
      rising: ops.argsort(x),
      falling: ops.argsort(x, 1, { descending: true }),
      few: firstInOrder(x, 21, 1, true),
      columns: ops.argsort(ops.transpose(x), 0),
      ties: ops.argsort(ops.cast(x, 'i32')),
    }),
  },
};

test.for(Object.entries(cases))('%s', async ([name, { shape, range, variants, build }]) => {
  const random = new RandomSource(3);
  const x = Float32Array.from({ length: shape[0] * shape[1] }, () => random.uniform(...range));
  const run = async (device: Device, options?: CompileOptions) => {
    const program = await compile(device, ({ x }) => build(x), { x: spec(shape) }, options);
    const results = await program.run({ x });
    program.dispose();
    return results;
  };
  const expected = await run(new CpuDevice());
  for (const variant of variants) {
    const seen = new Set<string>();
    const results = await run(await testGpu(), {
      chooseVariant(_op, offered) {
        const chosen = offered.find((one) => one.name === variant) ?? offered[0];
        seen.add(chosen.name);
        return chosen;
      },
    });
    expect(seen).toContain(variant);
    for (const [output, values] of Object.entries(results)) {
      const found = difference(`${name} gpu output`, values, expected[output], toleranceOf(name, 'gpu', 'output'));
      expect({ variant, output, found }).toEqual({ variant, output, found: null });
    }
  }
});
