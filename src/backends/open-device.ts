// openDevice(): picks the GPU or the CPU reference.

import { CpuDevice } from './cpu/cpu-device.ts';
import type { Device } from './device.ts';
import { WebGpuDevice } from './webgpu/webgpu-device.ts';

/** `auto` takes the GPU where there is one and the CPU reference elsewhere. */
export type DeviceKind = 'auto' | 'webgpu' | 'cpu';

/** Finds an adapter, or explains why there is none. */
export type FindAdapter = () => Promise<GPUAdapter>;

/** Opens a device. Throws, with the reason, when `webgpu` is asked for and there is none. */
export async function openDevice(
  kind: DeviceKind = 'auto',
  findAdapter: FindAdapter = findNavigatorAdapter,
): Promise<Device> {
  if (kind === 'cpu') return new CpuDevice();
  if (kind !== 'auto' && kind !== 'webgpu') throw new Error(`Unknown device "${kind}": use webgpu, cpu or auto.`);
  try {
    return await WebGpuDevice.open(await findAdapter());
  } catch (error) {
    if (kind === 'webgpu') throw error;
    return new CpuDevice();
  }
}

/** The adapter of a browser or of Deno. */
export async function findNavigatorAdapter(): Promise<GPUAdapter> {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) {
    const insecure =
      globalThis.isSecureContext === false ? ' This page is not served over https or from localhost.' : '';
    throw new Error(`This browser has no WebGPU.${insecure} Use a current Chrome, Edge, Safari or Firefox.`);
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('WebGPU is here, but no GPU adapter: the driver is missing, too old, or switched off.');
  return adapter;
}
