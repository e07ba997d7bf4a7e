// The environment that puts another program's Vulkan on a software driver (Deno, for one, chooses no driver itself).

import { dirname } from 'node:path';
import { driverManifest } from '../../src/backends/webgpu/adapter-node.ts';

/**
 * Environment variables for a child process that make its Vulkan use `driver`: the driver's manifest and, for
 * SwiftShader, the Vulkan loader that comes with it. Throws an Error that says why the driver is not to be had.
 */
export async function driverEnvironment(driver: 'swiftshader' | 'lavapipe'): Promise<Record<string, string>> {
  const manifest = await driverManifest(driver);
  const path = [driver === 'swiftshader' && dirname(manifest), process.env.LD_LIBRARY_PATH].filter(Boolean);
  return { VK_ICD_FILENAMES: manifest, LD_LIBRARY_PATH: path.join(':') };
}
