// Global setup: uses SwiftShader, which is the same everywhere, unless there is a real GPU or the user chose an adapter.

import { nodeAdapter } from '../../src/backends/webgpu/adapter-node.ts';

/** Runs once, in the process whose environment the test processes inherit. */
export default async function chooseAdapter(): Promise<void> {
  if ('Deno' in globalThis || process.env.FIVE_TIGERS_ADAPTER) return;
  const system = await nodeAdapter({ source: 'system' }).catch(() => null);
  if (system && !system.adapter.info.isFallbackAdapter) return;
  const swiftshader = await nodeAdapter({ source: 'swiftshader' }).catch(() => null);
  if (swiftshader) process.env.FIVE_TIGERS_ADAPTER = 'swiftshader';
}
