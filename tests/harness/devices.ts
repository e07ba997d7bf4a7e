// The devices that tests compute on: one GPU for a test file, and Dawn without a driver as many others.

import { afterAll } from 'vitest';
import type { Device } from '../../src/backends/device.ts';
import { nodeAdapter } from '../../src/backends/webgpu/adapter-node.ts';
import { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import type { Capabilities } from '../../src/core/kernel.ts';
import { openDevice } from '../../src/node.ts';

const opened: Promise<Device>[] = [];
let gpu: Promise<Device> | undefined;

/** The GPU of this test file, opened once. */
export function testGpu(): Promise<Device> {
  if (!gpu) opened.push((gpu = openDevice('webgpu')));
  return gpu;
}

/** True where Dawn is to be had: in Node. Under Deno there is no device that only compiles. */
export const hasCompileOnlyDevice = !('Deno' in globalThis);

let compiler: Promise<WebGpuDevice> | undefined;

/** A device that compiles kernels for a GPU of the given capabilities, and runs none. */
export async function compileOnlyDevice(capabilities: Partial<Capabilities>): Promise<Device> {
  if (!compiler) {
    compiler = nodeAdapter({ source: 'null' }).then(({ adapter }) => WebGpuDevice.open(adapter));
    opened.push(compiler);
  }
  return withCapabilities(await compiler, capabilities);
}

/** `device`, as if it had other capabilities. It stays open when this one is destroyed. */
export const withCapabilities = (device: Device, capabilities: Partial<Capabilities>): Device => ({
  info: device.info,
  lost: device.lost,
  capabilities: { ...device.capabilities!, ...capabilities },
  tuning: device.tuning,
  load: (...plan) => device.load(...plan),
  read: (parameter) => device.read(parameter),
  forget: (parameter) => device.forget(parameter),
  destroy() {},
});

// A device that outlives its file keeps the adapter's threads busy.
afterAll(async () => {
  for (const device of opened) (await device).destroy();
});
