// The WebGPU device, opened on the adapter of a browser, of Dawn in Node, or of Deno.

import type { Device, DeviceInfo, Executable, LoadOptions, Plan, TuningTable } from '../device.ts';
import { DeviceLostError } from '../device.ts';
import type { TypedArray } from '../../core/dtype.ts';
import type { Capabilities, SubgroupMatrix } from '../../core/kernel.ts';
import type { Parameter } from '../../core/parameter.ts';
import type { GpuAdapter, GpuDevice } from './gpu-types.ts';
import { loadExecutable, type Context } from './executable.ts';
import { MATRIX_UNITS, matrixUnitsOf } from './matrix-units.ts';
import { ParameterStore } from './parameter-store.ts';
import { PipelineCache } from './pipeline-cache.ts';
import { Readback } from './readback.ts';
import { Turns } from '../turns.ts';

/** Limits raised to the adapter's maximum, for large weights and large tiles. */
const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
] as const;

/** Features that kernels use if available. */
const USED_FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query', MATRIX_UNITS];

/** Options of {@link WebGpuDevice.open}. */
export interface OpenOptions {
  /** How to await an adapter that computes on the host's own cores; by default like any other. */
  readonly waitForSoftware?: <T>(work: Promise<T>) => Promise<T>;
}

/** Runs programs as WGSL kernels. */
export class WebGpuDevice implements Device {
  readonly info: DeviceInfo;
  readonly capabilities: Capabilities;
  tuning?: TuningTable | null;
  readonly lost: Promise<string>;
  /** The underlying device, for drawing or computing alongside the library. */
  readonly gpu: GpuDevice;
  readonly #context: Context;
  readonly #parameters: ParameterStore;
  readonly #wait: <T>(work: Promise<T>) => Promise<T>;
  #failure: Error | null = null;

  private constructor(
    adapter: GPUAdapter,
    gpu: GPUDevice,
    subgroupMatrix: readonly SubgroupMatrix[],
    { waitForSoftware }: OpenOptions,
  ) {
    this.gpu = gpu;
    this.info = infoOf(adapter);
    this.#wait = (this.info.software && waitForSoftware) || ((work) => work);
    this.capabilities = {
      software: this.info.software,
      f16: gpu.features.has('shader-f16'),
      subgroups: gpu.features.has('subgroups'),
      subgroupMaxSize: adapter.info.subgroupMaxSize ?? 0,
      subgroupMatrix,
      maxComputeInvocationsPerWorkgroup: gpu.limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupStorageSize: gpu.limits.maxComputeWorkgroupStorageSize,
      maxStorageBuffersPerShaderStage: gpu.limits.maxStorageBuffersPerShaderStage,
      maxStorageBufferBindingSize: gpu.limits.maxStorageBufferBindingSize,
      maxBufferSize: gpu.limits.maxBufferSize,
    };
    this.lost = gpu.lost.then(({ reason, message }) => message || reason);
    void this.lost.then((reason) => (this.#failure = new DeviceLostError(reason)));
    gpu.addEventListener('uncapturederror', ({ error }) => (this.#failure ??= new Error(error.message)));
    this.#parameters = new ParameterStore(gpu, this);
    this.#context = {
      device: gpu,
      parameters: this.#parameters,
      pipelines: new PipelineCache(gpu),
      readback: new Readback(gpu),
      check: () => this.#check(),
      guard: (work) => this.#guard(work),
      alone: null,
      turns: new Turns(),
    };
  }

  /** Opens a device on `adapter`, with every feature and limit of it that kernels can use. */
  static async open(adapter: GpuAdapter, options: OpenOptions = {}): Promise<WebGpuDevice> {
    const requiredFeatures = USED_FEATURES.filter((feature) => adapter.features.has(feature));
    const requiredLimits = Object.fromEntries(RAISED_LIMITS.map((limit) => [limit, adapter.limits[limit]]));
    const gpu = await adapter.requestDevice({ requiredFeatures, requiredLimits });
    return new WebGpuDevice(adapter, gpu, await matrixUnitsOf(adapter, gpu), options);
  }

  async load(plan: Plan, options?: LoadOptions): Promise<Executable> {
    this.#check();
    return this.#wait(loadExecutable(this.#context, plan, options));
  }

  async read(parameter: Parameter): Promise<TypedArray> {
    // Between two time slices of a run, only some parameters are updated.
    while (this.#context.alone) await this.#context.alone;
    this.#check();
    const encoder = this.gpu.createCommandEncoder();
    const read = this.#context.readback.record(encoder, [[parameter, this.#parameters.placeOf(parameter)]]);
    this.gpu.queue.submit([encoder.finish()]);
    return (await this.#guard(read()))[0];
  }

  forget(parameter: Parameter): void {
    this.#parameters.forget(parameter);
  }

  destroy(): void {
    this.gpu.destroy();
    this.#failure ??= new DeviceLostError('destroyed');
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await this.#wait(work);
      this.#check();
      return result;
    } catch (error) {
      // The loss of a device may be reported just after the failure of its work.
      await new Promise((resolve) => setTimeout(resolve));
      this.#check();
      throw error;
    }
  }

  #check(): void {
    if (!this.#failure) return;
    const failure = this.#failure;
    // A lost device stays lost; any other error is reported once.
    if (!(failure instanceof DeviceLostError)) this.#failure = null;
    throw failure;
  }
}

function infoOf(adapter: GPUAdapter): DeviceInfo {
  const { vendor, architecture, description, device } = adapter.info;
  const name = [description, device].filter(Boolean).join(' ');
  return {
    kind: 'webgpu',
    vendor,
    architecture,
    description: name || [vendor, architecture].filter(Boolean).join(' ') || 'GPU',
    software: isSoftware(adapter.info, name),
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(RAISED_LIMITS.map((limit) => [limit, adapter.limits[limit]])),
  };
}

/** CPU implementations of Vulkan and Direct3D: SwiftShader, lavapipe (llvmpipe) and WARP. */
function isSoftware(info: GPUAdapterInfo, name: string): boolean {
  return (
    info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|\bcpu\b/i.test(`${info.architecture} ${name}`)
  );
}
