// Finds the adapter of a browser or of Deno, where WebGPU is built in.

import type { GpuAdapter } from './gpu-types.ts';

/** Finds an adapter, or throws an error that says why there is none. */
export type FindAdapter = () => Promise<GpuAdapter>;

/** The adapter behind `navigator.gpu`. */
export const findNavigatorAdapter: FindAdapter = async () => {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) {
    const insecure =
      globalThis.isSecureContext === false ? ' This page is not served over https or from localhost.' : '';
    throw new Error(`WebGPU is not available here.${insecure} Use a current Chrome, Edge, Safari or Firefox.`);
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new Error('WebGPU is available, but no GPU adapter: the driver is missing, too old, or disabled.');
  return adapter;
};
