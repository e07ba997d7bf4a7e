// The library's entry for Node: the whole public surface, with Dawn for the GPU, and files.

import { openDevice as openWith, type DeviceKind } from './backends/open-device.ts';
import type { Device } from './backends/device.ts';
import { findNavigatorAdapter } from './backends/webgpu/adapter-navigator.ts';
import { nodeAdapter, type NodeAdapterOptions } from './backends/webgpu/adapter-node.ts';
import { waitAsleep } from './backends/webgpu/wait-node.ts';
import type { Module } from './nn/module.ts';
import { cacheFolder, folderCache } from './weights/cache-node.ts';
import { loadWeightsOn, type LoadOptions, type LoadReport } from './weights/load-weights.ts';
import {
  openWeightsOn,
  readBytesOn,
  type OpenOptions,
  type Platform,
  type WeightInput,
} from './weights/open-weights.ts';
import { findPath } from './weights/place-node.ts';
import type { WeightSource } from './weights/weight-source.ts';

export * from './index.ts';
export { type NodeAdapterOptions, type NodeAdapterSource } from './backends/webgpu/adapter-node.ts';
export { decodeImage } from './data/image-node.ts';
export { openDataFiles } from './data/data-files-node.ts';
export { cacheFolder, folderCache } from './weights/cache-node.ts';
export { type FileLock, lockFile } from './train/lock-node.ts';
export { readFileOrExplain, saveWeightsFile, writeFileAtomic } from './weights/files-node.ts';

/**
 * Opens a device: Deno's own WebGPU or, under Node, Dawn (the optional peer package `webgpu`). An idle device does not
 * keep the process alive. Without a GPU, `webgpu` throws an error that lists what was tried and what to do; `auto` falls
 * back to the CPU reference.
 */
export function openDevice(kind: DeviceKind = 'auto', options: NodeAdapterOptions = {}): Promise<Device> {
  const isBuiltIn = !!globalThis.navigator?.gpu;
  const find = isBuiltIn ? findNavigatorAdapter : async () => (await nodeAdapter(options)).adapter;
  return openWith(kind, find, 'Deno' in globalThis ? {} : { waitForSoftware: waitAsleep });
}

const node: Platform = {
  findPath,
  cache: async () => folderCache(cacheFolder()),
  hub: () => ({ hubUrl: process.env.HF_ENDPOINT || undefined, token: process.env.HF_TOKEN || undefined }),
};

/** `loadWeights` that also accepts paths and `file:` URLs. */
export const loadWeights = (model: Module, input: WeightInput, options?: LoadOptions): Promise<LoadReport> =>
  loadWeightsOn(node, model, input, options);

/** `openWeights` that also accepts paths and `file:` URLs. */
export const openWeights = (input: WeightInput, options?: OpenOptions): Promise<WeightSource> =>
  openWeightsOn(node, input, options);

/** `readBytes` that also accepts paths and `file:` URLs. */
export const readBytes = (input: string | URL, options?: OpenOptions): Promise<Uint8Array> =>
  readBytesOn(node, input, options);
