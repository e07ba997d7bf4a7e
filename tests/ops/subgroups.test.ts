// Variants that reduce with subgroups: correct for rows of any length, and available only with subgroup support.

import { expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { topologicalOrder } from '../../src/core/graph.ts';
import type { Capabilities } from '../../src/core/kernel.ts';
import { RandomSource } from '../../src/core/random.ts';
import { Input, spec, type Tensor } from '../../src/core/tensor.ts';
import * as ops from '../../src/ops/index.ts';
import { compile, type CompileOptions } from '../../src/runtime/compile.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';
import { variantNames } from '../../src/verify/variants.ts';
import { difference } from '../harness/compare.ts';
import { compileOnlyDevice, hasCompileOnlyDevice, testGpu } from '../harness/devices.ts';

/** Reductions along the last axis of x, by the op whose tolerance applies. */
function build(x: Tensor): Record<string, Tensor> {
  const normalized = ops.layerNorm(x, [x.shape[1]]);
  return {
    sum: ops.sum(x, 1),
    max: ops.max(x, 1),
    min: ops.min(x, 1),
    prod: ops.prod(ops.sign(x), 1),
    countNonzero: ops.sum(ops.cast(ops.gt(x, 0), 'u32'), 1),
    softmax: ops.softmax(x),
    layerNorm: normalized,
    rmsNorm: ops.rmsNorm(x, [x.shape[1]]),
    grad: grad(ops.sum(ops.mul(normalized, ops.sin(x))), [x])[0],
  };
}

const run = async (device: Device, shape: readonly number[], options?: CompileOptions) => {
  using program = await compile(device, ({ x }: { x: Tensor }) => build(x), { x: spec(shape) }, options);
  const random = new RandomSource(shape[1]);
  return program.run({ x: Float32Array.from({ length: shape[0] * shape[1] }, () => random.uniform(-2, 2)) });
};

const bySubgroup: CompileOptions = {
  chooseVariant: (_op, variants) => variants.find(({ name }) => name === 'subgroup') ?? variants[0],
};

test.for([1, 3, 63, 65, 257, 1100, 4500])('rows of %i', async (length, { skip }) => {
  const gpu = await testGpu();
  skip(!gpu.capabilities!.subgroups, 'the adapter has no subgroups');
  const results = await run(gpu, [3, length], bySubgroup);
  for (const [name, expected] of Object.entries(await run(new CpuDevice(), [3, length]))) {
    const allowed = name === 'grad' ? toleranceOf('layerNorm', 'gpu', 'gradient') : toleranceOf(name, 'gpu', 'output');
    const found = difference(`${name} gpu output`, results[name], expected, allowed);
    expect({ name, found }).toEqual({ name, found: null });
  }
});

test('they are available only with subgroups, after the common variants', async () => {
  const nodes = topologicalOrder(Object.values(build(new Input('x', spec([3, 500])))));
  const offered = (capabilities: Capabilities) =>
    new Set(nodes.flatMap((node) => (variantNames(node, capabilities).includes('subgroup') ? [node.op.name] : [])));
  const { capabilities } = await testGpu();
  expect([...offered({ ...capabilities!, subgroups: false })]).toEqual([]);
  const ofAll = offered({ ...capabilities!, subgroups: true });
  for (const name of ['sum', 'max', 'min', 'prod', 'softmax', 'normalizeRows', 'normalizeRowsGrad']) {
    expect(ofAll).toContain(name);
  }
});

test.runIf(hasCompileOnlyDevice)('they compile for a GPU', async () => {
  const device = await compileOnlyDevice({ software: false, subgroups: true });
  const program = await compile(device, ({ x }: { x: Tensor }) => build(x), { x: spec([3, 500]) }, bySubgroup);
  program.dispose();
});
