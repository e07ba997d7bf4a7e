// Weights of 4 and 8 bits, in embeddings and products.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { toFloat16 } from '../../src/core/float16.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import * as ops from '../../src/ops/index.ts';
import { compile, type CompileOptions } from '../../src/runtime/compile.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';
import { forEachVariant } from '../../src/verify/variants.ts';
import { difference } from '../harness/compare.ts';
import { compileOnlyDevice, hasCompileOnlyDevice, testGpu } from '../harness/devices.ts';

/** x [17, 64] · Wᵀ with 5 rows of 4-bit W, where x has one float dtype and scales and zeros the other. */
function mixed(device: Device, [ofX, ofScales]: readonly ('f32' | 'f16')[], options?: CompileOptions) {
  const specs = {
    x: spec([17, 64], ofX),
    packed: spec([5, 8], 'u32'),
    scales: spec([5, 2], ofScales),
    zeros: spec([5, 2], ofScales),
  };
  const build = ({ x, packed, scales, zeros }: Record<keyof typeof specs, Tensor>) =>
    ops.quantizedMatmul(x, packed, scales, { bits: 4, group: 32 }, zeros);
  return compile(device, build, specs, options);
}

test.each([
  ['f16', 'f32'],
  ['f32', 'f16'],
] as const)('x of %s and scales of %s are multiplied in f32', async (ofX, ofScales) => {
  if (hasCompileOnlyDevice) {
    const compiler = await compileOnlyDevice({ software: false, f16: true });
    await forEachVariant(async (chooseVariant) =>
      (await mixed(compiler, [ofX, ofScales], { chooseVariant })).dispose(),
    );
  }
  const floats = (length: number, dtype: 'f32' | 'f16') => {
    const values = Float32Array.from({ length }, (_, i) => Math.sin(i * i));
    return dtype === 'f16' ? Uint16Array.from(values, toFloat16) : values;
  };
  const packed = Uint32Array.from({ length: 40 }, (_, i) => Math.imul(i + 1, 2654435761));
  const inputs = { x: floats(17 * 64, ofX), packed, scales: floats(10, ofScales), zeros: floats(10, ofScales) };
  const run = async (device: Device) => {
    using program = await mixed(device, [ofX, ofScales]);
    return program.run(inputs);
  };
  const expected = await run(new CpuDevice());
  expect(expected.dtype).toBe(ofX);
  const gpu = await testGpu();
  if (!gpu.capabilities!.f16) return;
  const allowed = toleranceOf('quantizedMatmul', 'gpu', 'output', ofX);
  expect(difference(`quantizedMatmul ${ofX} gpu output`, await run(gpu), expected, allowed)).toBeNull();
});
