// openDevice(): picks the GPU or the CPU reference.

import { CpuDevice } from './cpu/cpu-device.ts';
import type { Device } from './device.ts';
import { type FindAdapter, findNavigatorAdapter } from './webgpu/adapter-navigator.ts';
import { type OpenOptions, WebGpuDevice } from './webgpu/webgpu-device.ts';

/** `auto` takes the GPU if there is one, and else the CPU reference. */
export type DeviceKind = 'auto' | 'webgpu' | 'cpu';

/** Opens a device. `webgpu` throws, with the reason, if there is none. */
export async function openDevice(
  kind: DeviceKind = 'auto',
  findAdapter: FindAdapter = findNavigatorAdapter,
  options?: OpenOptions,
): Promise<Device> {
  if (kind === 'cpu') return new CpuDevice();
  if (kind !== 'auto' && kind !== 'webgpu') throw new Error(`Unknown device "${kind}": use webgpu, cpu or auto.`);
  try {
    return await WebGpuDevice.open(await findAdapter(), options);
  } catch (error) {
    if (kind === 'webgpu') throw error;
    return new CpuDevice();
  }
}
