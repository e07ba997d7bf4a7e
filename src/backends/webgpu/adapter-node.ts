// Gets a WebGPU adapter in Node: Dawn on the machine's GPU, or on a software driver that npm can install.

import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type * as Dawn from 'webgpu';
import type { Gpu, GpuAdapter } from './gpu-types.ts';
import { extract } from './extract-node.ts';

/**
 * Where an adapter comes from: `system` is whatever Vulkan, Metal or Direct3D driver the machine has; `swiftshader` is
 * the CPU driver inside the npm package @sparticuz/chromium; `lavapipe` is Mesa's CPU driver; `null` is Dawn without a
 * driver, which compiles shaders and runs nothing; `auto` is `system`, then `swiftshader`.
 */
export type NodeAdapterSource = 'auto' | 'system' | 'swiftshader' | 'lavapipe' | 'null';

/** Options of {@link nodeAdapter}. */
export interface NodeAdapterOptions {
  /** Default: the environment variable FIVE_TIGERS_ADAPTER, or `auto`. */
  readonly source?: NodeAdapterSource;
  /** Dawn toggles to enable on top of this library's own. */
  readonly toggles?: readonly string[];
}

/** An adapter and the Dawn instance that it belongs to. */
export interface NodeAdapter {
  readonly gpu: Gpu;
  readonly adapter: GpuAdapter;
}

const sources: readonly string[] = ['auto', 'system', 'swiftshader', 'lavapipe', 'null'];

// allow_unsafe_apis: subgroup matrices. vulkan_enable_f16_on_nvidia: shader-f16, which Dawn disables there by default.
const toggles = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'];
// Zeroing workgroup memory makes compilation 20 times slower on a CPU driver; no kernel reads memory it has not written.
const softwareToggles = ['disable_workgroup_init'];
// Timestamps quantized to 65 µs are useless for timing kernels.
const disabledToggles = ['timestamp_quantization'];

// A garbage-collected instance crashes the process on the next asynchronous call, so all are kept.
const instances = new Map<string, GPU>();

async function loadDawn(): Promise<typeof Dawn> {
  let dawn: typeof Dawn;
  try {
    dawn = await import('webgpu');
  } catch (error) {
    const missing = (error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND';
    const problem = missing ? 'is not installed' : `does not load here (${(error as Error).message})`;
    const advice = "install it with `npm install webgpu`, or open the device 'cpu'";
    throw new Error(`WebGPU in Node needs the package 'webgpu' (Dawn), which ${problem}: ${advice}.`, { cause: error });
  }
  const scope = globalThis as Record<string, unknown>;
  for (const [name, value] of Object.entries(dawn.globals)) scope[name] ??= value;
  return dawn;
}

function instance(dawn: typeof Dawn, enable: readonly string[], options: readonly string[] = []): GPU {
  const flags = [
    ...options,
    `enable-dawn-features=${enable.join()}`,
    `disable-dawn-features=${disabledToggles.join()}`,
  ];
  const key = [process.env.VK_ICD_FILENAMES, process.env.VK_DRIVER_FILES, ...flags].join();
  const gpu = instances.get(key) ?? dawn.create(flags);
  instances.set(key, gpu);
  return gpu;
}

/** Loads a shared library permanently into this process, so that Dawn finds it by name; false if there is none. */
function preload(library: string): boolean {
  const RTLD_NODELETE = 0x1000;
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (error) {
    // It is not a Node addon, so this always throws; if the library was loaded, with this message.
    return (error as Error).message.includes('did not self-register');
  }
  return true;
}

/** Loads a Vulkan loader: the system's or, for a driver named in the environment, the one beside SwiftShader. */
async function loadVulkan(): Promise<boolean> {
  if (process.platform !== 'linux' || preload('libvulkan.so.1')) return true;
  const folder = process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES ? await extract('swiftshader') : null;
  return !!folder && preload(join(folder, 'libvulkan.so.1'));
}

// The user's choice, before this file changes anything.
const { VK_ICD_FILENAMES: userDriver, VK_DRIVER_FILES: userDrivers } = process.env;
const userChoseDriver = !!(userDriver || userDrivers);

/** Points the Vulkan loader at one driver, or back at the user's choice. */
function useDriver(manifest: string | null): void {
  const wanted = { VK_ICD_FILENAMES: manifest ?? userDriver, VK_DRIVER_FILES: manifest ? undefined : userDrivers };
  for (const [name, value] of Object.entries(wanted)) {
    if (process.env[name] === value) continue;
    // In a worker thread, process.env is a copy that the loader does not see.
    if (!isMainThread)
      throw new Error('a worker thread cannot choose the driver: open a device in the main thread first');
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** Path of a software driver's manifest, for VK_ICD_FILENAMES. Throws an Error that says why there is none. */
export async function driverManifest(driver: 'swiftshader' | 'lavapipe'): Promise<string> {
  if (driver === 'swiftshader') {
    const folder = await extract('swiftshader');
    if (folder) return join(folder, 'vk_swiftshader_icd.json');
    throw new Error('@sparticuz/chromium is not installed, or not for this platform (Linux x64 only)');
  }
  const folders = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];
  for (const folder of folders.filter((path) => existsSync(path))) {
    const file = readdirSync(folder).find((name) => /^lvp_icd.*\.json$/.test(name));
    if (file) return join(folder, file);
  }
  throw new Error(`no lvp_icd*.json in ${folders.join(', ')}: install Mesa's Vulkan drivers (25 or newer)`);
}

// Narrowed to what worked first, since retrying a missing driver takes time.
let automatic: readonly NodeAdapterSource[] = userChoseDriver ? ['system'] : ['system', 'swiftshader'];

/** Requests an adapter from one source; throws an Error that says why there is none. */
async function request(dawn: typeof Dawn, source: NodeAdapterSource, extra: readonly string[]): Promise<NodeAdapter> {
  const known = source === 'swiftshader' || source === 'lavapipe';
  const backend = source === 'null' ? ['backend=null'] : [];
  useDriver(known ? await driverManifest(source) : null);
  // Without a loader, Dawn prints a warning on each attempt.
  if (!backend.length && !(await loadVulkan())) throw new Error('no Vulkan loader (libvulkan.so.1)');
  const enable = [...toggles, ...extra];
  const find = async (features: readonly string[]) => {
    const gpu = instance(dawn, features, backend);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    return adapter && { gpu, adapter };
  };
  let found = await find(known ? [...enable, ...softwareToggles] : enable);
  // Dawn's fallback adapters are drivers that run on the CPU.
  if (found && !known && found.adapter.info.isFallbackAdapter) found = await find([...enable, ...softwareToggles]);
  if (!found) throw new Error('no driver that Dawn accepts');
  return found;
}

/**
 * A WebGPU adapter for Node, from the optional peer package `webgpu` (Dawn). Prefers a real GPU; without one it falls
 * back to SwiftShader if `@sparticuz/chromium` is installed (extracted once into a cache). If the user has chosen a driver
 * by VK_ICD_FILENAMES or VK_DRIVER_FILES, nothing else is tried. Each call returns a fresh adapter, since a device can be
 * requested from an adapter only once. WebGPU's constants (`GPUBufferUsage`, …) are defined on `globalThis` if missing.
 *
 * Throws an Error when `webgpu` is not installed, when `source` is unknown, and when no adapter is found; the last one
 * lists what was tried and what to do.
 */
export async function nodeAdapter(options: NodeAdapterOptions = {}): Promise<NodeAdapter> {
  const source = options.source ?? ((process.env.FIVE_TIGERS_ADAPTER || 'auto') as NodeAdapterSource);
  if (!sources.includes(source)) {
    throw new Error(`The adapter source (FIVE_TIGERS_ADAPTER) is '${source}'; expected one of ${sources.join(', ')}.`);
  }
  const dawn = await loadDawn();
  const order = source === 'auto' ? automatic : [source];
  const tried: string[] = [];
  for (const attempt of order) {
    try {
      const found = await request(dawn, attempt, options.toggles ?? []);
      if (source === 'auto') automatic = [attempt];
      return found;
    } catch (error) {
      tried.push(`- ${attempt}: ${(error as Error).message}`);
    }
  }
  throw new Error(
    [
      'No WebGPU adapter. Tried:',
      ...tried,
      ...(userChoseDriver ? ['(VK_ICD_FILENAMES or VK_DRIVER_FILES is set, so no other driver was tried.)'] : []),
      "To fix this, install the GPU's Vulkan driver; on Linux x64, `npm install --save-dev @sparticuz/chromium` for the",
      "software driver SwiftShader; or open the device 'cpu', which needs no driver.",
    ].join('\n'),
  );
}
