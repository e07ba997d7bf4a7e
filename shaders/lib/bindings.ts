// Shorthands for what kernels are bound to.
import type { Binding, ElementType } from '../../src/core/kernel.ts';

/** The element type of a binding: numbers, or vectors of four where `wide`. */
export const elements = <T extends 'f32' | 'f16' | 'i32' | 'u32'>(type: T, wide: boolean): T | `vec4<${T}>` =>
  wide ? `vec4<${type}>` : type;

/** Buffers that are read, of one type. */
export const reads = (type: ElementType, ...names: string[]): Binding[] => names.map((name) => ({ name, type }));

/** An output that is written through `store_NAME`. */
export const stores = (name: string, type: ElementType): Binding => ({ name, type, store: true });
