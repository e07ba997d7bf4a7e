// `five-tigers export`: files, output and errors.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSafetensors } from '../../src/node.ts';
import { onnx } from 'onnx-proto';
import { jsonLines, run, temporaryFolder } from './cli.ts';

const folder = temporaryFolder();

test('exports a model with the shipped weights for any batch size', async () => {
  const file = join(folder(), 'lenet5.onnx');
  const { code, stdout, stderr } = await run('export', 'lenet5', '--onnx', file);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^lenet5 \(modern\) → .*lenet5\.onnx: [\d,]+ bytes, \d+ nodes, opset 17$/m);
  expect(stdout).toMatch(/^Inputs +image f32\[batch, 1, 32, 32\]$/m);
  expect(stdout).toMatch(/^Outputs +logits f32\[batch, 10\]$/m);
  const { graph, metadataProps } = onnx.ModelProto.decode(await readFile(file));
  expect(Object.fromEntries(metadataProps!.map(({ key, value }) => [key, value]))).toEqual({
    model: 'lenet5',
    config: 'modern',
  });
  const { tensors } = readSafetensors(await readFile('models/cnn/lenet5/weights.safetensors'));
  const stored = new Map(graph!.initializer!.map((tensor) => [tensor.name, tensor]));
  for (const [name, { data }] of tensors) {
    expect([name, Buffer.compare(Buffer.from(stored.get(name)!.rawData!), Buffer.from(data.buffer, data.byteOffset, data.byteLength))]).toEqual([name, 0]); // prettier-ignore
  }
});

test('exports a fixed batch size with weights in a separate file, and prints JSON', async () => {
  const file = join(folder(), 'model.onnx');
  const [report] = jsonLines(await run('export', 'lenet5', '--onnx', file, '--batch', '4', '--external', '--json'));
  expect(report).toMatchObject({
    model: 'lenet5',
    config: 'modern',
    files: [file, `${file}.data`],
    opset: 17,
    inputs: [{ name: 'image', dtype: 'f32', shape: [4, 1, 32, 32] }],
    outputs: [{ name: 'logits', dtype: 'f32', shape: [4, 10] }],
  });
  const [model, weights] = await Promise.all([stat(file), stat(`${file}.data`)]);
  expect(weights.size).toBeGreaterThan(240_000);
  expect(model.size).toBeLessThan(10_000);
});

test('an unwritable or missing output file is an error before the export', async () => {
  const missing = await run('export', 'lenet5', '--onnx', join(folder(), 'no', 'model.onnx'));
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('is missing or read-only') });
  expect(await run('export', 'lenet5')).toMatchObject({ code: 2, stderr: expect.stringContaining("'--onnx <file>'") });
});
