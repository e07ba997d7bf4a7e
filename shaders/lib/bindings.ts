// Shorthands for bindings.
import type { Binding, ElementType } from '../../src/core/kernel.ts';

/** The element type of a binding: scalars, or vec4s if `wide`. */
export const elements = <T extends 'f32' | 'f16' | 'i32' | 'u32'>(type: T, wide: boolean): T | `vec4<${T}>` =>
  wide ? `vec4<${type}>` : type;

/** Input bindings of one type. */
export const reads = (type: ElementType, ...names: string[]): Binding[] => names.map((name) => ({ name, type }));

/** An output binding that is written through `store_NAME`. */
export const stores = (name: string, type: ElementType): Binding => ({ name, type, store: true });
