// Checks a plan against a device's limits before anything is uploaded.

import type { Plan } from '../backends/device.ts';
import { MAX_WORKGROUPS, type Capabilities, type Kernel } from '../core/kernel.ts';
import { Parameter } from '../core/parameter.ts';
import { Input, type Tensor } from '../core/tensor.ts';
import { bytesOf } from './memory.ts';

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 3 : 0)} MiB`;

/** One line for each limit that the plan exceeds; none if it fits. */
export function misfits(
  { steps, inputs, constants, parameters }: Plan,
  { maxBufferSize, maxStorageBuffersPerShaderStage }: Capabilities,
): string[] {
  const produced = steps.flatMap(({ outputs, scratch }) => [...outputs, ...scratch]);
  const large = [...new Set([...inputs, ...constants, ...parameters, ...produced])]
    .filter((tensor) => bytesOf(tensor) > maxBufferSize)
    .map(
      (tensor) =>
        `${nameOf(tensor)} takes ${megabytes(bytesOf(tensor))}, but a buffer has at most ${megabytes(maxBufferSize)}`,
    );
  const kernels = steps.flatMap((step) => step.kernels);
  const bound = kernels
    .filter((kernel) => bindingsOf(kernel) > maxStorageBuffersPerShaderStage)
    .map(
      (kernel) =>
        `kernel ${kernel.name} binds ${bindingsOf(kernel)} buffers, but at most ${maxStorageBuffersPerShaderStage} can be bound`,
    );
  const grids = kernels
    .filter(({ workgroups }) => Math.max(...workgroups) > MAX_WORKGROUPS)
    .map(
      ({ name, workgroups }) =>
        `kernel ${name} needs ${workgroups.join(' × ')} workgroups, but an axis has at most ${MAX_WORKGROUPS}`,
    );
  return [...large, ...bound, ...grids];
}

function nameOf(tensor: Tensor): string {
  if (tensor instanceof Input) return `input ${tensor.name} ${tensor}`;
  return tensor instanceof Parameter ? `parameter ${tensor.name} ${tensor}` : String(tensor);
}

const bindingsOf = ({ inputs, outputs }: Kernel): number =>
  [...inputs, ...outputs].reduce((sum, binding) => sum + (binding ? (binding.windows?.count ?? 1) : 0), 0);
