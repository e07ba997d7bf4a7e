// Adapters in Node: each source by name, errors, and concurrent extraction.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { nodeAdapter, type NodeAdapterSource } from '../../src/backends/webgpu/adapter-node.ts';
import { extract } from '../../src/backends/webgpu/extract-node.ts';

const hasSwiftShader = process.platform === 'linux' && process.arch === 'x64';

afterEach(() => vi.unstubAllEnvs());

/** Doubles 1, 2, 3, 4 on the adapter. */
async function double(adapter: GPUAdapter): Promise<number[]> {
  const device = await adapter.requestDevice();
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { x[i] *= 2.0; }`;
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: 16, usage });
  const result = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, new Float32Array([1, 2, 3, 4]));
  const layout = pipeline.getBindGroupLayout(0);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, result, 0, 16);
  device.queue.submit([encoder.finish()]);
  await result.mapAsync(GPUMapMode.READ);
  const values = [...new Float32Array(result.getMappedRange())];
  device.destroy();
  return values;
}

test('the default source gives a working adapter', async () => {
  const { adapter } = await nodeAdapter({ source: 'auto' });
  expect(await double(adapter)).toEqual([2, 4, 6, 8]);
});

test.runIf(hasSwiftShader)('the packaged SwiftShader works', async () => {
  const { adapter } = await nodeAdapter({ source: 'swiftshader' });
  expect(adapter.info.architecture).toBe('swiftshader');
  expect(await double(adapter)).toEqual([2, 4, 6, 8]);
});

test('the same Dawn instance gives an adapter again after its device was destroyed', async () => {
  const first = await nodeAdapter();
  (await first.adapter.requestDevice()).destroy();
  const second = await nodeAdapter();
  expect(second.gpu).toBe(first.gpu);
  expect(await double(second.adapter)).toEqual([2, 4, 6, 8]);
});

test('the null source compiles shaders and reports their errors', async () => {
  const { adapter } = await nodeAdapter({ source: 'null' });
  const device = await adapter.requestDevice();
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: 'fn broken(' });
  expect(await device.popErrorScope()).not.toBeNull();
  expect((await module.getCompilationInfo()).messages).not.toHaveLength(0);
  device.destroy();
});

test('the environment chooses the source, and the error for an unknown name lists the valid ones', async () => {
  vi.stubEnv('FIVE_TIGERS_ADAPTER', 'voodoo');
  await expect(nodeAdapter()).rejects.toThrow(/FIVE_TIGERS_ADAPTER.*'voodoo'.*swiftshader/);
  await expect(nodeAdapter({ source: 'fast' as NodeAdapterSource })).rejects.toThrow(/'fast'/);
});

test.runIf(hasSwiftShader)('concurrent callers all get the completely extracted folder', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'extract-'));
  try {
    const folders = await Promise.all([1, 2, 3].map(() => extract('al2023', cache)));
    expect(new Set(folders).size).toBe(1);
    expect(await readdir(join(folders[0]!, 'lib'))).toHaveLength(12);
    expect(await readdir(cache)).toHaveLength(1);
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
});
