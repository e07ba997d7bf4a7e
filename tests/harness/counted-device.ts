// A device whose live buffers are counted.

import type { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import { openDevice } from '../../src/node.ts';

/** A device of its own, and how many buffers it has made, and has now. */
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
