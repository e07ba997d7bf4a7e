// Plans without a GPU, to inspect the runtime's decisions without compiling kernels.

import type { Plan } from '../../src/backends/device.ts';
import type { Capabilities } from '../../src/core/kernel.ts';
import type { Tensor, TensorSpec } from '../../src/core/tensor.ts';
import { compile, type CompileOptions } from '../../src/runtime/compile.ts';
import { planOnly } from '../../src/runtime/plan-only.ts';

/** WebGPU's guaranteed limits, with the kernels of a software adapter. */
const CAPABILITIES: Capabilities = {
  software: true,
  f16: true,
  subgroups: false,
  subgroupMaxSize: 0,
  subgroupMatrix: [],
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
};

const info = { vendor: '', architecture: '', description: 'plans only', features: [], limits: {} };

/** The plan of `fn` for a GPU with `capabilities` in addition to WebGPU's guaranteed ones. */
export async function planOf(
  fn: (inputs: Record<string, Tensor>) => Record<string, Tensor>,
  specs: Readonly<Record<string, TensorSpec>>,
  options: CompileOptions & { capabilities?: Partial<Capabilities> } = {},
): Promise<Plan> {
  const device = planOnly({
    info: { ...info, kind: 'webgpu', software: true },
    capabilities: { ...CAPABILITIES, ...options.capabilities },
    lost: new Promise(() => {}),
    read: (parameter) => Promise.reject(new Error(`${parameter.name} is not on a device that only plans.`)),
  });
  return (await compile(device, fn, specs, options)).plan;
}

/** The names of a plan's kernels, in order of execution. */
export const kernelNames = ({ steps }: Plan): string[] =>
  steps.flatMap(({ kernels }) => kernels.map(({ name }) => name));
