// Sums that are cut into parts: a kernel writes one result after the other, and a second one adds them, always in one order.

import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import { reduceSerialKernel } from '../../../shaders/reductions/reduce.wgsl.ts';
import { linearGrid, type Binding, type Kernel } from '../../core/kernel.ts';
import type { Variant } from '../../core/op.ts';

/**
 * `kernel` writes `slices` results of `size` elements to its output, in f32 where there are several: a variant that adds them up
 * in a second kernel, as `stored` or else `output`'s type. With one slice it is the whole variant.
 */
export function addingSlices(
  name: string,
  kernel: Omit<Kernel, 'outputs'>,
  output: Binding,
  slices: number,
  size: number,
  stored: 'f32' | 'f16' = 'f32',
): Variant {
  if (slices === 1) return { name, kernels: [{ ...kernel, outputs: [output] }] };
  const add: Kernel = {
    name: `${kernel.name}.add`,
    wgsl: reduceSerialKernel({
      kept: [size],
      keptStrides: [1],
      reduced: [slices],
      reducedStrides: [size],
      type: 'f32',
      identity: '0.0',
      combine: 'a + b',
      finish: 'total',
      stored,
    }),
    inputs: [...kernel.inputs.map(() => null), { name: 'x', type: 'f32' }],
    outputs: [{ name: 'y', type: stored, store: true }],
    workgroups: linearGrid(size, LINEAR_WORKGROUP),
  };
  return {
    name,
    scratch: [{ shape: [slices, size], dtype: 'f32' }],
    kernels: [{ ...kernel, inputs: [...kernel.inputs, output], outputs: [null] }, add],
  };
}
