// The interface of a device to the runtime, implemented for CPU and WebGPU, and the plan that is handed over.

import type { TypedArray } from '../core/dtype.ts';
import type { Capabilities, Kernel } from '../core/kernel.ts';
import type { Op } from '../core/op.ts';
import type { Arena } from '../core/arena.ts';
import type { Parameter, ParameterHome } from '../core/parameter.ts';
import type { Constant, Input, Scalar, Tensor } from '../core/tensor.ts';
import type { Update } from '../core/trace.ts';

/** A device's description for people: shown by `five-tigers info` and on every page. */
export interface DeviceInfo {
  readonly kind: 'webgpu' | 'cpu';
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** True if the CPU does the computing. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** One op to execute. A GPU runs `kernels`; the CPU runs `op.cpu`. */
export interface Step {
  readonly op: Op;
  readonly attrs: object;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly kernels: readonly Kernel[];
  /** Memory that the kernels of this step share. */
  readonly scratch: readonly Tensor[];
}

/** Where a tensor's memory is: in a buffer of the program's pool, at byte `offset`, or with a leaf that has its own. */
export type Storage = { readonly pool: number; readonly offset: number } | { readonly leaf: Tensor };

/** The memory of a program: buffers shared by tensors that are not live at the same time. */
export interface MemoryPlan {
  readonly storage: ReadonlyMap<Tensor, Storage>;
  /** Size of each buffer of the pool, in bytes. */
  readonly pool: readonly number[];
  /** Bytes that the pool would take if every tensor had its own buffer. */
  readonly bytesWithoutReuse: number;
}

/** A compiled program before a device has loaded it. Plain data. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly inputs: readonly Input[];
  readonly constants: readonly Constant[];
  readonly scalars: readonly Scalar[];
  readonly parameters: readonly Parameter[];
  /** Parameters that a single kernel processes together, and that must therefore share a buffer. */
  readonly arenas: readonly Arena[];
  readonly outputs: readonly Tensor[];
  /** Updates in order; those computed in place need no copy. */
  readonly updates: readonly Update[];
  readonly memory: MemoryPlan;
}

/** Called as pipelines become ready. */
export type Progress = (done: number, total: number) => void;

/** How a plan is loaded and run. */
export interface LoadOptions {
  readonly onProgress?: Progress;
  /**
   * Runs in time slices of about this many milliseconds on the GPU, with a pause after each in which others, such as the page, can
   * use it: 8 leaves a page half of each frame. By default a run is one submission.
   */
  readonly timeSliceMilliseconds?: number;
}

/** How long one dispatch took: a kernel of step `step` of the plan, or the whole step on the CPU. */
export interface DispatchTime {
  readonly step: number;
  readonly kernel: string;
  readonly milliseconds: number;
}

/** A measured run, by the GPU's clock or the CPU's (`host`), which includes the round trip to the GPU. */
export interface Timing {
  readonly clock: 'gpu' | 'host';
  readonly dispatches: readonly DispatchTime[];
}

/** A program on a device. */
export interface Executable {
  /** Runs once and resolves with the values of `wanted` outputs, each a fresh array. */
  run(inputs: ReadonlyMap<Input, TypedArray>, wanted: readonly Tensor[]): Promise<TypedArray[]>;
  /** Runs once, each dispatch by itself and `repeats` times in a row, and resolves with the time of each. */
  time(inputs: ReadonlyMap<Input, TypedArray>, repeats: number): Promise<Timing>;
  /** Resolves when all runs so far are done. */
  finished(): Promise<void>;
  /** Frees what only this program used. */
  dispose(): void;
}

/** Names of the fastest measured kernel variants, by `tuningKey`. */
export interface TuningTable {
  readonly version: 1;
  readonly variants: Readonly<Record<string, string>>;
}

/** A place where programs run: a GPU, or the CPU reference. */
export interface Device extends ParameterHome {
  readonly info: DeviceInfo;
  /** What kernels may use; null for a device that runs the CPU reference of each op instead of kernels. */
  readonly capabilities: Capabilities | null;
  /**
   * What `tune` (or its command) measured on this device; programs compiled after it is set choose their kernels by it.
   * Without an entry, the table shipped with the package decides, then the order in each op's record.
   */
  tuning?: TuningTable | null;
  /** Resolves with the reason when the device is gone: destroyed, reset, or unplugged. */
  readonly lost: Promise<string>;
  load(plan: Plan, options?: LoadOptions): Promise<Executable>;
  /** Frees everything. First move parameters whose newest values are only here to the host. */
  destroy(): void;
}

/** The device was lost during work. Open a new one and restore the last checkpoint, as Trainer does. */
export class DeviceLostError extends Error {
  constructor(reason: string) {
    super(`The GPU device was lost (${reason}). Open a new device and restore the last checkpoint.`);
    this.name = 'DeviceLostError';
  }
}
