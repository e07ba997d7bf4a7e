// Saving weights: tensors of every format survive a round trip, and files follow PyTorch's conventions.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  BatchNorm1d, Buffer, Embedding, Linear, loadWeights, Module, openWeights, Parameter, readTensors, saveWeights, saveWeightsFile,
} from '../../src/node.ts'; // prettier-ignore

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'five-tigers-'));
});
afterEach(() => rm(folder, { recursive: true }));

class Small extends Module {
  embedding = new Embedding(3, 2);
  head = { weight: this.embedding.weight };
  norm = new BatchNorm1d(2);
  positions = new Buffer({ dtype: 'i32', shape: [3], data: Int32Array.of(0, 1, 2) });
  mask = new Buffer({ dtype: 'bool', shape: [2], data: Uint32Array.of(1, 0) });
  cache = new Buffer({ dtype: 'f32', shape: [4], data: new Float32Array(4) }, { persistent: false });
  override forward(): void {}
}

describe('round trips', () => {
  const fixtures = join(import.meta.dirname, '..', 'fixtures', 'weights');
  test.each([
    'expected.safetensors',
    'types.pth',
    'types-legacy.pth',
    'training.pth',
    'gan.pth',
    'arrays.npz',
    'fortran.npy',
  ])('%s, tensor by tensor', async (name) => {
    const source = await openWeights(join(fixtures, name));
    const tensors = await readTensors(source);
    await source.close();
    const path = join(folder, 'again.safetensors');
    await saveWeightsFile(path, tensors);
    const again = await openWeights(path);
    expect([...again.entries.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [key, values] of tensors) expect(await again.read(key), key).toEqual(values);
    await again.close();
  });

  test('a model, in memory and to a file', async () => {
    const model = new Small();
    const blob = await saveWeights(model, { metadata: { config: 'small' } });
    await saveWeightsFile(join(folder, 'model.safetensors'), model, { metadata: { config: 'small' } });
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(
      new Uint8Array(await readFile(join(folder, 'model.safetensors'))),
    );
    const copy = new Small();
    const report = await loadWeights(copy, blob);
    expect(report).toMatchObject({ ignored: [], kept: [], metadata: { config: 'small', format: 'pt' } });
    expect(await copy.stateDict()).toEqual(await model.stateDict());
  });
});

test('names, shapes and types are PyTorch’s: ties under all names, I64 counters, one byte per bool, no caches', async () => {
  const { entries } = await openWeights(await saveWeights(new Small()));
  expect(Object.fromEntries([...entries].map(([name, { stored, shape }]) => [name, `${stored} ${shape}`]))).toEqual({
    'embedding.weight': 'F32 3,2', 'head.weight': 'F32 3,2',
    'norm.weight': 'F32 2', 'norm.bias': 'F32 2', 'norm.running_mean': 'F32 2', 'norm.running_var': 'F32 2',
    'norm.num_batches_tracked': 'I64 ', 'positions': 'I64 3', 'mask': 'BOOL 2',
  }); // prettier-ignore
}); // prettier-ignore

test('f16 halves the size, and loads into an f32 model as the nearest values', async () => {
  const model = new Linear(4, 4);
  const [whole, half] = [await saveWeights(model), await saveWeights(model, { dtype: 'f16' })];
  expect(half.size).toBeLessThan(whole.size);
  const copy = new Linear(4, 4);
  const report = await loadWeights(copy, half);
  expect(report.converted).toEqual([{ from: 'F16', to: 'F32', count: 2 }]);
  const [a, b] = [(await model.weight.read()).data, (await copy.weight.read()).data];
  a.forEach((value, i) => expect(Math.abs(value - b[i])).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11));
});

test('the error for a value outside the range of f16 names the tensor', async () => {
  class Large extends Module {
    scale = new Parameter({ dtype: 'f32', shape: [2], data: Float32Array.of(1, 70000) });
    override forward(): void {}
  }
  await expect(saveWeights(new Large(), { dtype: 'f16' })).rejects.toThrow(
    '"scale" holds 70000, but f16 ends at 65504',
  );
  const path = join(folder, 'large.safetensors');
  await expect(saveWeightsFile(path, new Large(), { dtype: 'f16' })).rejects.toThrow(/Cannot write .*65504/);
  await expect(readFile(path)).rejects.toThrow('ENOENT');
});

test('rename changes the names; two tensors with one name are an error', async () => {
  const { entries } = await openWeights(await saveWeights(new Linear(2, 2), { rename: (name) => `module.${name}` }));
  expect([...entries.keys()].sort()).toEqual(['module.bias', 'module.weight']);
  await expect(saveWeights(new Linear(2, 2), { rename: () => 'same' })).rejects.toThrow(
    '"weight" and "bias" would both be saved as "same"',
  );
});
