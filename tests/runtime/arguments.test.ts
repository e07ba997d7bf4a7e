// Kernel arguments: dispatches with the same WGSL share one pipeline, and each gets its own values.

import { afterAll, expect, test } from 'vitest';
import type { WebGpuDevice } from '../../src/backends/webgpu/webgpu-device.ts';
import { applyOne, type Op } from '../../src/core/op.ts';
import { spec } from '../../src/core/tensor.ts';
import { openDevice } from '../../src/node.ts';
import { compile } from '../../src/runtime/compile.ts';

const MOST = 2 ** 32 - 1;

interface ListsAttrs {
  readonly lists: readonly (readonly number[])[];
}

/** Row i of the output is x plus list i, with one dispatch per row; the row is the last argument. */
const listsOp: Op<ListsAttrs> = {
  name: 'lists',
  kind: 'kernels',
  infer: ([x], { lists }) => [{ shape: [lists.length, x.shape[0]], dtype: 'u32' }],
  cpu() {},
  gpu({ inputs: [x], attrs: { lists } }) {
    const count = x.shape[0];
    const values = Array.from({ length: count }, (_, i) => `args[${i >> 2}u].${'xyzw'[i & 3]}`);
    const wgsl = /* wgsl */ `
@compute @workgroup_size(1)
fn main() {
  let values = array<u32, ${count}>(${values});
  let row = args[${count >> 2}u].${'xyzw'[count & 3]};
  for (var i = 0u; i < ${count}u; i++) { y[row * ${count}u + i] = x[i] + values[i]; }
}`;
    const kernels = lists.map((list, row) => ({
      name: 'lists.row',
      wgsl,
      inputs: [{ name: 'x', type: 'u32' } as const],
      outputs: [{ name: 'y', type: 'u32' } as const],
      workgroups: [1, 1, 1] as const,
      arguments: [...list, row],
    }));
    return [{ name: 'row', kernels }];
  },
  vjp: 'none',
  onnx: { none: 'It is only a test.' },
};

let opened: WebGpuDevice | undefined;
afterAll(() => opened?.destroy());

test.each([1, 3, 4, 70])('each dispatch gets its own %i values, with one pipeline for all', async (count) => {
  const device = (opened ??= (await openDevice('webgpu')) as WebGpuDevice);
  let pipelines = 0;
  const create = device.gpu.createComputePipelineAsync.bind(device.gpu);
  device.gpu.createComputePipelineAsync = (descriptor) => (pipelines++, create(descriptor));
  // Adding the largest number wraps around; rows 3 and 5 differ only in the row.
  const lists = [7, 0, MOST, 5, 1000, 5].map((value) => Array.from({ length: count }, (_, i) => (value + i) % 2 ** 32));
  using program = await compile(device, ({ x }) => ({ y: applyOne(listsOp, [x], { lists }) }), {
    x: spec([count], 'u32'),
  });
  const x = Uint32Array.from({ length: count }, (_, i) => 3 * i + 1);
  const expected = lists.flatMap((list) => [...x].map((value, i) => (value + list[i]) % 2 ** 32));
  for (let run = 0; run < 2; run++) expect([...(await program.run({ x })).y.data]).toEqual(expected);
  expect(pipelines).toBe(1);
  device.gpu.createComputePipelineAsync = create;
});
