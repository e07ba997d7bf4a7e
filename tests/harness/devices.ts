// The tests' devices: one GPU per test file, and Dawn without a driver to emulate others.

import { afterAll } from 'vitest';
import type { Device } from '../../src/backends/device.ts';
import { nodeAdapter } from '../../src/backends/webgpu/adapter-node.ts';
import { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import type { Capabilities } from '../../src/core/kernel.ts';
import { openDevice } from '../../src/node.ts';

const opened: Promise<Device>[] = [];
let gpu: Promise<Device> | undefined;

/** This test file's GPU, opened once. */
export function testGpu(): Promise<Device> {
  if (!gpu) opened.push((gpu = openDevice('webgpu')));
  return gpu;
}

/** Whether Dawn is available, which is only in Node. Deno has no compile-only device. */
export const hasCompileOnlyDevice = !('Deno' in globalThis);

let compiler: Promise<WebGpuDevice> | undefined;

/** A compile-only device for a GPU with the given capabilities. */
export async function compileOnlyDevice(capabilities: Partial<Capabilities>): Promise<Device> {
  if (!compiler) {
    compiler = nodeAdapter({ source: 'null' }).then(({ adapter }) => WebGpuDevice.open(adapter));
    opened.push(compiler);
  }
  return withCapabilities(await compiler, capabilities);
}

/** `device` with other capabilities. Destroying this one leaves `device` open. */
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

// An open device would keep the adapter's threads busy after its test file.
afterAll(async () => {
  for (const device of opened) (await device).destroy();
});
