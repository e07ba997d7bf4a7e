// A device that counts its live buffers.

import type { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import { openDevice } from '../../src/node.ts';

/** A new device, with the number of buffers created and alive. */
export async function countedDevice(): Promise<{ device: WebGpuDevice; count: { made: number; alive: number } }> {
  const device = (await openDevice('webgpu')) as WebGpuDevice;
  const count = { made: 0, alive: 0 };
  const create = device.gpu.createBuffer.bind(device.gpu);
  device.gpu.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    let alive = true;
    count.made++;
    count.alive++;
    buffer.destroy = () => {
      if (alive) count.alive--;
      alive = false;
      return destroy();
    };
    return buffer;
  };
  return { device, count };
}
