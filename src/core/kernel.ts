// A GPU kernel as plain data: WGSL text, what it is bound to, and how many workgroups it takes.

import type { DType } from './dtype.ts';
import type { Shape } from './shape.ts';

/** The type of one element of a binding as the kernel indexes it. */
export type ElementType = 'f32' | 'f16' | 'i32' | 'u32' | 'vec4<f32>' | 'vec4<i32>' | 'vec4<u32>' | 'vec4<f16>';

/** Bytes of one element of a binding. */
export const bytesPerBoundElement: Readonly<Record<ElementType, number>> = {
  f32: 4, f16: 2, i32: 4, u32: 4, 'vec4<f32>': 16, 'vec4<i32>': 16, 'vec4<u32>': 16, 'vec4<f16>': 8,
}; // prettier-ignore

/** One storage buffer that a kernel reads or writes, under the name that its WGSL uses. */
export interface Binding {
  readonly name: string;
  readonly type: ElementType;
  /**
   * True when the kernel writes this buffer only through `store_NAME(index, value)`, which is added to its text: a plain
   * store, or elementwise ops that follow, computed while the value is still in a register.
   */
  readonly store?: boolean;
  /**
   * Present where the tensor is larger than the adapter binds at once: it is bound in `count` pieces of `elements` elements.
   * Kernels do not see that; the backend rewrites their `name[index]`.
   */
  readonly windows?: { readonly count: number; readonly elements: number };
  /**
   * How many elements there are, where the text says so: an index is then held below a constant, not below a length that
   * SwiftShader asks for at each access. Given when the plan is made, and never beside `windows`.
   */
  readonly length?: number;
}

/** One dispatch. `wgsl` holds functions and the entry point `main`; the bindings are declared by the backend. */
export interface Kernel {
  /** `family.variant`, such as `matmul.tiled`: shown in profiles and errors. */
  readonly name: string;
  readonly wgsl: string;
  /** The bindings of the node's inputs, then scratch, in order. `null` where this kernel does not use one. */
  readonly inputs: readonly (Binding | null)[];
  /** The bindings of the node's outputs, in order. */
  readonly outputs: readonly (Binding | null)[];
  /** Workgroups in x, y and z. */
  readonly workgroups: readonly [number, number, number];
  /**
   * u32 numbers in which dispatches of one text differ, such as a time step: they share a pipeline.
   * The text reads them, four to a vector, as `args: array<vec4<u32>, N>`; where there are some, it must read one.
   */
  readonly arguments?: readonly number[];
  /** WGSL extensions that the text needs besides f16, as its `enable` names them. */
  readonly enables?: readonly 'chromium_experimental_subgroup_matrix'[];
}

/** A way to compute an op on the GPU: its dispatches, and memory that lives only between them. */
export interface Variant {
  readonly name: string;
  readonly kernels: readonly Kernel[];
  /** Buffers shared by the kernels; they stand after the inputs in each kernel's `inputs`. */
  readonly scratch?: readonly { readonly shape: Shape; readonly dtype: DType }[];
}

/** A product of matrices that a subgroup computes with one instruction: M × K times K × N. */
export interface SubgroupMatrix {
  /** The type of what is multiplied, in WebGPU's words: f32, f16, u32, i32, u8 or i8. */
  readonly component: string;
  /** The type in which products are summed. */
  readonly result: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What a kernel may count on: the limits and features of the adapter, in WebGPU's own names. */
export interface Capabilities {
  /** True for a CPU implementation of Vulkan, where barriers and workgroup memory cost far more than they save. */
  readonly software: boolean;
  readonly f16: boolean;
  readonly subgroups: boolean;
  /** Threads of the largest subgroup; 0 where it is not reported. */
  readonly subgroupMaxSize: number;
  /** What the matrix units compute; empty where there are none, or none that this library can use. */
  readonly subgroupMatrix: readonly SubgroupMatrix[];
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
}

/** Bindings that a tensor of `bytes` takes. */
export const bindingsFor = (bytes: number, { maxStorageBufferBindingSize }: Capabilities): number =>
  Math.max(1, Math.ceil(bytes / windowSize(maxStorageBufferBindingSize)));

/** Bytes of one of several bindings of a buffer: each starts at a multiple of 256. */
export const windowSize = (maxStorageBufferBindingSize: number): number => maxStorageBufferBindingSize & ~255;

/** Most workgroups that one axis of a dispatch may have (WebGPU's default limit). */
export const MAX_WORKGROUPS = 65535;

/**
 * Workgroups for `threads` threads in a row. Past 65,535 workgroups the grid folds into y, so a kernel computes its
 * index as `(group.y * groups.x + group.x) * size + local` and returns beyond the end: see shaders/lib/grid.wgsl.ts.
 */
export function linearGrid(threads: number, workgroupSize: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(threads / workgroupSize));
  if (groups <= MAX_WORKGROUPS) return [groups, 1, 1];
  const rows = Math.ceil(groups / MAX_WORKGROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Most bytes of intermediate results that a variant for software adapters keeps in memory: what else it would load often. */
export const MOST_SOFTWARE_SCRATCH = 2 ** 26;

/** Most elements that a thread of a software adapter takes, and workgroups that are left at least. */
const [SOFTWARE_MOST, SOFTWARE_GROUPS] = [16, 16];

/**
 * How many of `count` elements (or vec4s) a thread should take where each is little work: one, but several on software adapters,
 * which spend more on starting a workgroup.
 */
export function perThread(count: number, workgroupSize: number, { software }: Pick<Capabilities, 'software'>): number {
  const most = software ? Math.floor(count / (SOFTWARE_GROUPS * workgroupSize)) : 1;
  return Math.min(SOFTWARE_MOST, Math.max(1, most));
}
