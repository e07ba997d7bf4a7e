// Sums that are split: a kernel writes one partial result after the other, and a second one adds them, always in one order.
import type { Binding, Kernel, Variant } from '../../src/core/kernel.ts';
import { reduceSerial } from '../reductions/reduce.wgsl.ts';

/**
 * `kernel` writes `splits` partial results of `size` elements to its output, in f32 where there are several: a variant that adds them up
 * in a second kernel, as `stored` or else `output`'s type. With one split it is the whole variant.
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
