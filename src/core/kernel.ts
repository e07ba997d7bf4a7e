// A GPU kernel as plain data: WGSL, its bindings and its grid.

import type { DType } from './dtype.ts';
import type { Shape } from './shape.ts';

/** Element type of a binding, as the kernel indexes it. */
export type ElementType = 'f32' | 'f16' | 'i32' | 'u32' | 'vec4<f32>' | 'vec4<i32>' | 'vec4<u32>' | 'vec4<f16>';

/** The WGSL type of one stored element: bool is a u32 in memory. */
export const elementType = (dtype: DType): ElementType & DType => (dtype === 'bool' ? 'u32' : dtype);

/** `elementType` for floats. */
export const floatType = (dtype: DType): 'f32' | 'f16' => (dtype === 'f16' ? 'f16' : 'f32');

/** Bytes of one element of a binding. */
export const bytesPerBoundElement: Readonly<Record<ElementType, number>> = {
  f32: 4, f16: 2, i32: 4, u32: 4, 'vec4<f32>': 16, 'vec4<i32>': 16, 'vec4<u32>': 16, 'vec4<f16>': 8,
}; // prettier-ignore

/** One storage buffer that a kernel reads or writes, under the name that its WGSL uses. */
export interface Binding {
  readonly name: string;
  readonly type: ElementType;
  /**
   * True when the kernel writes this buffer only through `store_NAME(index, value)`, which is added to its WGSL: a plain
   * store, or an epilogue of elementwise ops, computed while the value is still in a register.
   */
  readonly store?: boolean;
  /**
   * Set for a tensor above the adapter's limit for one binding: it is bound in `count` pieces of `elements` elements.
   * Kernels do not see this; the backend rewrites their `name[index]`.
   */
  readonly windows?: { readonly count: number; readonly elements: number };
  /**
   * Number of elements, when the WGSL declares it: an index is then clamped to a constant rather than to a length that
   * SwiftShader queries at each access. Set by the planner, never together with `windows`.
   */
  readonly length?: number;
}

/** One dispatch. `wgsl` holds functions and the entry point `main`; the backend declares the bindings. */
export interface Kernel {
  /** `family.variant`, such as `matmul.tiled`: shown in profiles and errors. */
  readonly name: string;
  readonly wgsl: string;
  /** Bindings of the node's inputs, then of its scratch, in order; `null` for those this kernel does not use. */
  readonly inputs: readonly (Binding | null)[];
  /** Bindings of the node's outputs, in order. */
  readonly outputs: readonly (Binding | null)[];
  /** Workgroups in x, y and z. */
  readonly workgroups: readonly [number, number, number];
  /**
   * u32 values that differ between dispatches of the same WGSL, such as a time step, so that these share a pipeline.
   * The WGSL reads them, four per vector, as `args: array<vec4<u32>, N>`; if there are any, it must read at least one.
   */
  readonly arguments?: readonly number[];
  /** WGSL extensions to `enable` besides f16. */
  readonly enables?: readonly 'chromium_experimental_subgroup_matrix'[];
}

/** One way to compute an op on the GPU: its dispatches, and scratch memory that lives only between them. */
export interface Variant {
  readonly name: string;
  readonly kernels: readonly Kernel[];
  /** Buffers shared by the kernels, listed after the inputs in each kernel's `inputs`. */
  readonly scratch?: readonly { readonly shape: Shape; readonly dtype: DType }[];
}

/** A matrix product that a subgroup computes in one instruction: M × K times K × N. */
export interface SubgroupMatrix {
  /** Type of the factors, by its WebGPU name: f32, f16, u32, i32, u8 or i8. */
  readonly component: string;
  /** Type of the accumulator. */
  readonly result: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What a kernel may rely on: the adapter's limits and features, by their WebGPU names. */
export interface Capabilities {
  /** True for a CPU implementation of Vulkan, where barriers and workgroup memory cost far more than they save. */
  readonly software: boolean;
  readonly f16: boolean;
  readonly subgroups: boolean;
  /** Threads in the largest subgroup; 0 if not reported. */
  readonly subgroupMaxSize: number;
  /** What the matrix units compute; empty if there are none that this library can use. */
  readonly subgroupMatrix: readonly SubgroupMatrix[];
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
}

/** Number of bindings that a tensor of `bytes` needs. */
export const bindingsFor = (bytes: number, { maxStorageBufferBindingSize }: Capabilities): number =>
  Math.max(1, Math.ceil(bytes / windowSize(maxStorageBufferBindingSize)));

/** Bytes of one window of a buffer: windows start at multiples of 256. */
export const windowSize = (maxStorageBufferBindingSize: number): number => maxStorageBufferBindingSize & ~255;

/** Most workgroups along one axis of a dispatch (WebGPU's default limit). */
export const MAX_WORKGROUPS = 65535;

/**
 * Workgroups of a 1-D grid of `threads` threads. Past 65,535 workgroups the grid folds into y, so a kernel computes its
 * index as `(group.y * groups.x + group.x) * size + local` and returns beyond the end: see shaders/lib/grid.wgsl.ts.
 */
export function linearGrid(threads: number, workgroupSize: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(threads / workgroupSize));
  if (groups <= MAX_WORKGROUPS) return [groups, 1, 1];
  const rows = Math.ceil(groups / MAX_WORKGROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Most scratch, in bytes, that a variant for software adapters may use to avoid repeated loads. */
export const MOST_SOFTWARE_SCRATCH = 2 ** 26;

/** On software adapters, the most elements per thread, and the fewest workgroups that this may leave. */
const [SOFTWARE_MOST, SOFTWARE_GROUPS] = [16, 16];

/**
 * How many of `count` elements (or vec4s) a thread should take when each is little work: one, or several on software
 * adapters, where starting a workgroup costs more.
 */
export function perThread(count: number, workgroupSize: number, { software }: Pick<Capabilities, 'software'>): number {
  const most = software ? Math.floor(count / (SOFTWARE_GROUPS * workgroupSize)) : 1;
  return Math.min(SOFTWARE_MOST, Math.max(1, most));
}
