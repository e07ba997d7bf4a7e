// Arguments of kernels: many dispatches of one text compile one pipeline, and each sees its own numbers.

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

/** Row i of the output is 1 … n plus list i, by one dispatch a row; the row is the list's last number. */
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
  onnx: { none: 'It only tests.' },
};

let opened: WebGpuDevice | undefined;
afterAll(() => opened?.destroy());

test.each([1, 3, 4, 70])('each dispatch sees its own %i numbers, and one pipeline serves all', async (count) => {
  const device = (opened ??= (await openDevice('webgpu')) as WebGpuDevice);
  let pipelines = 0;
  const create = device.gpu.createComputePipelineAsync.bind(device.gpu);
  device.gpu.createComputePipelineAsync = (descriptor) => (pipelines++, create(descriptor));
  // The largest number wraps to minus one; rows 3 and 5 have equal lists but for the row.
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
