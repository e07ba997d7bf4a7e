// Grids with more workgroups than one dispatch axis allows are folded without losing or repeating work.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { MAX_WORKGROUPS } from '../../src/core/kernel.ts';
import type { TypedArray } from '../../src/core/dtype.ts';
import { sizeOf, type Shape } from '../../src/core/shape.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import * as ops from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { difference } from '../harness/compare.ts';
import { testGpu, withCapabilities } from '../harness/devices.ts';
import { runsAll } from '../harness/test-op.ts';
import { units } from '../../src/verify/tolerances.ts';

/** One more workgroup of 64 threads than an axis allows. */
const THREADS = (MAX_WORKGROUPS + 1) * 64;
const ROWS = MAX_WORKGROUPS + 2;

interface Large {
  readonly shapes: readonly Shape[];
  call(...inputs: Tensor[]): Tensor;
  readonly variant: string;
}

const cases: Record<string, Large> = {
  elementwise: { shapes: [[4 * THREADS + 1]], call: (x) => ops.mul(x, 2), variant: 'fours' },
  permute: { shapes: [[THREADS / 32 + 1, 32]], call: (x) => ops.transpose(x), variant: 'copy' },
  concat: { shapes: [[THREADS + 3], [5]], call: (...xs) => ops.concat(xs), variant: 'copy' },
  pad: { shapes: [[THREADS + 3]], call: (x) => ops.pad(x, [2], [1]), variant: 'gather' },
  'sum, one thread per row': { shapes: [[THREADS + 1, 2]], call: (x) => ops.sum(x, 1), variant: 'serial' },
  'sum, one workgroup per row': { shapes: [[ROWS, 3]], call: (x) => ops.sum(x, 1), variant: 'tree' },
  'softmax, one workgroup per row': { shapes: [[ROWS, 3]], call: (x) => ops.softmax(x), variant: 'tree' },
  'matmul, one workgroup per batch': { shapes: [[ROWS, 1, 2], [ROWS, 2, 1]], call: (a, b) => ops.matmul(a, b), variant: 'register' },
  maxPool2d: { shapes: [[1, 1, 4, THREADS + 2]], call: (x) => ops.maxPool2d(x, 2), variant: 'gather' },
  conv2d: {
    shapes: [[THREADS + 1, 1, 1, 2], [1, 1, 1, 1]],
    call: (x, weight) => ops.conv2d(x, weight), variant: 'direct',
  },
}; // prettier-ignore

// Each takes seconds on a software adapter, and minutes with barriers.
test.runIf(runsAll).for(Object.entries(cases))(
  '%s',
  { timeout: 600_000 },
  async ([, { shapes, call, variant }], { skip }) => {
    const adapter = await testGpu();
    // On a software adapter a thread computes several elements, so there are fewer workgroups.
    const device = withCapabilities(adapter, { software: false });
    skip(adapter.capabilities!.software && variant === 'tree', 'barriers of 65,537 workgroups');
    const specs = Object.fromEntries(shapes.map((shape, i) => [`in${i}`, spec(shape)]));
    const inputs = Object.fromEntries(
      shapes.map((shape, i): [string, TypedArray] => [
        `in${i}`,
        Float32Array.from({ length: sizeOf(shape) }, (_value, at) => (at % 1009) / 1009 - 0.5),
      ]),
    );
    const build = (tensors: Record<string, Tensor>) => call(...Object.values(tensors));
    const cpu = await compile(new CpuDevice(), build, specs);
    const gpu = await compile(device, build, specs, {
      chooseVariant: (op, variants) => {
        const chosen = variants.find(({ name }) => name === variant);
        if (!chosen) throw new Error(`${op.name} has no ${variant}, but ${variants.map(({ name }) => name).join()}`);
        return chosen;
      },
    });
    expect(gpu.plan.steps.some(({ kernels }) => kernels.some(({ workgroups }) => workgroups[1] > 1 || workgroups[2] > 1))).toBe(true); // prettier-ignore
    const [actual, expected] = [await gpu.run(inputs), await cpu.run(inputs)];
    gpu.dispose();
    expect(difference('large', actual, expected, units(4))).toBeNull();
  },
);
