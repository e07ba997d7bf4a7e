// Split sums: one kernel writes partial results, and a second one adds them in a fixed order.
import type { Binding, Kernel, Variant } from '../../src/core/kernel.ts';
import { reduceSerial } from '../reductions/reduce.wgsl.ts';

/**
 * The variant of a `kernel` that writes `splits` partial results of `size` elements, in f32 if there are several: a second
 * kernel adds them and stores them as `stored`. With one split, the kernel is the whole variant.
 */
export function addingSplits(
  name: string,
  kernel: Omit<Kernel, 'outputs'>,
  output: Binding,
  splits: number,
  size: number,
  stored: 'f32' | 'f16' = 'f32',
): Variant {
  if (splits === 1) return { name, kernels: [{ ...kernel, outputs: [output] }] };
  const sum = reduceSerial({
    op: 'sum',
    kept: [size],
    keptStrides: [1],
    reduced: [splits],
    reducedStrides: [size],
    type: 'f32',
    given: 'f32',
    stored,
    identity: '0.0',
    combine: 'a + b',
    finish: 'total',
  });
  const add = { ...sum, name: `${kernel.name}.add`, inputs: [...kernel.inputs.map(() => null), ...sum.inputs] };
  return {
    name,
    scratch: [{ shape: [splits, size], dtype: 'f32' }],
    kernels: [{ ...kernel, inputs: [...kernel.inputs, output], outputs: [null] }, add],
  };
}
