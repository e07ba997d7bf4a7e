// Compiled pipelines of a device, by their WGSL: equal layers and later programs share them.

import type { Progress } from '../device.ts';
import type { Kernel } from '../../core/kernel.ts';
import { wgslSource } from './wgsl-source.ts';

/** Compiles each distinct kernel once, asynchronously. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The pipelines of `kernels`, compiled in parallel. */
  async getAll(kernels: readonly Kernel[], onProgress?: Progress): Promise<GPUComputePipeline[]> {
    const distinct = new Map(kernels.map((kernel) => [wgslSource(kernel), kernel]));
    let done = 0;
    onProgress?.(0, distinct.size);
    await Promise.all(
      [...distinct].map(async ([code, kernel]) => {
        await this.#get(code, kernel.name);
        onProgress?.(++done, distinct.size);
      }),
    );
    return Promise.all(kernels.map((kernel) => this.#get(wgslSource(kernel), kernel.name)));
  }

  #get(code: string, name: string): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(code);
    if (!pipeline) {
      pipeline = this.#compile(code, name);
      this.#pipelines.set(code, pipeline);
      pipeline.catch(() => this.#pipelines.delete(code));
    }
    return pipeline;
  }

  async #compile(code: string, name: string): Promise<GPUComputePipeline> {
    // Compile errors are thrown below; outside of a scope they would also be reported by the next run.
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ label: name, code });
    this.#device.popErrorScope().catch(() => {});
    try {
      return await this.#device.createComputePipelineAsync({
        label: name,
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      });
    } catch (error) {
      const { messages } = await module.getCompilationInfo();
      const details = messages.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join('\n');
      throw new Error(`Kernel ${name} does not compile: ${details || String(error)}\n${code}`, { cause: error });
    }
  }
}
