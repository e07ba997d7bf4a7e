// The WGSL types of a tensor's elements.

import type { DType } from '../../core/dtype.ts';
import type { ElementType } from '../../core/kernel.ts';
import type { TensorSpec } from '../../core/tensor.ts';

/** The WGSL type of one stored element: bool is a u32 in memory. */
export const elementType = (dtype: DType): ElementType & DType => (dtype === 'bool' ? 'u32' : dtype);

/** `elementType` for floats. */
export const floatType = (dtype: DType): 'f32' | 'f16' => (dtype === 'f16' ? 'f16' : 'f32');

/** Checks that the named `inputs` are all f32 or all f16; the error names the op. Absent ones are skipped. */
export function expectOneFloat(who: string, inputs: Readonly<Record<string, TensorSpec | undefined>>): void {
  const given = Object.entries(inputs).flatMap(([name, input]) => (input ? [[name, input.dtype] as const] : []));
  if (given.every(([, dtype]) => dtype === 'f32') || given.every(([, dtype]) => dtype === 'f16')) return;
  const list = given.map(([name, dtype]) => `${name} ${dtype}`).join(', ');
  throw new Error(`${who}: inputs must be all f32 or all f16, but are ${list}; convert with cast().`);
}
