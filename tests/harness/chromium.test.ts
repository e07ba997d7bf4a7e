// The page tests' browser: WebGPU and text rendering.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.ts';

let browser: Browser;
let server: Server;

beforeAll(async () => {
  server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<h1>7</h1>'));
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  server.close();
});

test('a page on localhost has WebGPU and a font', async () => {
  const page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  const found = await page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice();
    const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
      @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { x[i] = f32(i) * 2.0; }`;
    const module = device.createShaderModule({ code });
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
    const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const result = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
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
    const context = document.createElement('canvas').getContext('2d')!;
    context.font = '100px sans-serif';
    context.fillText('7', 50, 120);
    const ink = context.getImageData(0, 0, 300, 150).data.filter((_, index) => index % 4 === 3);
    return {
      values: [...new Float32Array(result.getMappedRange())],
      ink: ink.filter((alpha) => alpha > 128).length,
      architecture: adapter!.info.architecture,
    };
  });
  expect(found.values).toEqual([0, 2, 4, 6]);
  expect(found.architecture).toBe('swiftshader');
  // A digit of 100 px has more ink than the outline of a missing glyph.
  expect(found.ink).toBeGreaterThan(300);
});
