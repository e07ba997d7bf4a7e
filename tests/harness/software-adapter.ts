// Environment variables that make a child process use a software Vulkan driver (Deno, for example, cannot choose one).

import { dirname } from 'node:path';
import { driverManifest } from '../../src/backends/webgpu/adapter-node.ts';

/**
 * Environment variables for a child process to use `driver`: the driver's manifest and, for SwiftShader, its Vulkan loader.
 * @throws an Error that says why the driver is unavailable.
 */
export async function driverEnvironment(driver: 'swiftshader' | 'lavapipe'): Promise<Record<string, string>> {
  const manifest = await driverManifest(driver);
  const path = [driver === 'swiftshader' && dirname(manifest), process.env.LD_LIBRARY_PATH].filter(Boolean);
  return { VK_ICD_FILENAMES: manifest, LD_LIBRARY_PATH: path.join(':') };
}
