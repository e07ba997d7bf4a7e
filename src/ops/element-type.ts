// How a kernel sees the elements of a tensor.

import type { DType } from '../core/dtype.ts';
import type { ElementType } from '../core/kernel.ts';

/** The WGSL type of one stored element: bool is a u32 in memory. */
export const elementType = (dtype: DType): ElementType & DType => (dtype === 'bool' ? 'u32' : dtype);
