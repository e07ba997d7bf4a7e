// Before any test: takes SwiftShader, the same everywhere, unless this machine has a real GPU or the user has chosen.

import { nodeAdapter } from '../../src/backends/webgpu/adapter-node.ts';

/** Runs once, in the process from which the test processes inherit their environment. */
export default async function chooseAdapter(): Promise<void> {
  if ('Deno' in globalThis || process.env.FIVE_TIGERS_ADAPTER) return;
  const system = await nodeAdapter({ source: 'system' }).catch(() => null);
  if (system && !system.adapter.info.isFallbackAdapter) return;
  const swiftshader = await nodeAdapter({ source: 'swiftshader' }).catch(() => null);
  if (swiftshader) process.env.FIVE_TIGERS_ADAPTER = 'swiftshader';
}
