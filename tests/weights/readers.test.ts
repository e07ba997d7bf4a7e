// PyTorch and NumPy files against the same tensors in safetensors, and what each reader rejects.

import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openWeights, type WeightSource } from '../../src/node.ts';
import { realData } from '../harness/real-data.ts';

const folder = join(import.meta.dirname, '..', 'fixtures', 'weights');
const at = (name: string) => join(folder, name);
const bytesOf = (name: string) => new Uint8Array(readFileSync(at(name)));

/** All tensors of a source, with their stored types. */
async function readAll(source: WeightSource) {
  const found = new Map<string, unknown>();
  for (const [name, { stored }] of source.entries) found.set(name, { stored, ...(await source.read(name)) });
  await source.close();
  return found;
}

describe('PyTorch', () => {
  test.each(['types.pth', 'types-legacy.pth'])(
    '%s holds every type, stride and storage as PyTorch does',
    async (name) => {
      const expected = await readAll(await openWeights(at('expected.safetensors')));
      const source = await openWeights(at(name));
      expect(source.format).toBe(name === 'types.pth' ? 'PyTorch' : 'PyTorch (legacy)');
      expect([...source.entries.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [key, values] of await readAll(source)) expect(values, key).toEqual(expected.get(key));
      expect(source.entries.get('tied')!.memory).toBe(source.entries.get('table')!.memory);
      expect(source.entries.get('transposed')!.memory).not.toBe(source.entries.get('table')!.memory);
    },
  );

  test('memory, a Blob and a renamed file give the same tensors', async () => {
    const read = async (input: Parameters<typeof openWeights>[0]) => readAll(await openWeights(input));
    const bytes = bytesOf('types.pth');
    const expected = await read(bytes);
    expect(await read(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))).toEqual(expected);
    expect(await read(new Blob([bytes]))).toEqual(expected);
    expect(await read(new File([bytes], 'weights.safetensors'))).toEqual(expected);
  });

  test('finds the dict of weights in a training checkpoint from a GPU', async () => {
    const source = await openWeights(at('training.pth'));
    expect([...source.entries]).toMatchObject([
      ['module.weight', { stored: 'F32', shape: [2, 3] }],
      ['module.bias', { stored: 'F32', shape: [2] }],
    ]);
    expect(source.metadata).toEqual({ within: 'state_dict' });
    expect([...(await source.read('module.bias')).data]).toEqual([-2.5, -1]);
    await source.close();
    const optimizer = await openWeights(at('training.pth'), { within: 'optimizer.state' });
    expect([...optimizer.entries.keys()]).toEqual(['0.exp_avg']);
    await optimizer.close();
    await expect(openWeights(at('training.pth'), { within: 'ema' })).rejects.toThrow(
      /training\.pth has no "ema".*Available keys: epoch, best, arch/,
    );
  });

  test("opens a GAN's averaged generator by default, other networks by name", async () => {
    const first = await openWeights(at('gan.pth'));
    expect(first.metadata).toEqual({ within: 'g_ema' });
    expect([...(await first.read('w')).data]).toEqual([-10, -4]);
    const other = await openWeights(at('gan.pth'), { within: 'd' });
    expect(other.entries.get('w')!.shape).toEqual([3]);
    await Promise.all([first.close(), other.close()]);
  });

  test.each([
    ['evil.pth', 'posix.system'],
    ['namespace.pth', 'argparse.Namespace'],
    ['whole-module.pth', 'torch.nn.modules.linear.Linear'],
  ])('%s: the error names the disallowed class %s', async (name, className) => {
    const error: Error = await openWeights(at(name)).then(() => expect.unreachable(), (error) => error);
    expect(error.message).toContain(name);
    expect(error.message).toContain(`it needs ${className}. Only tensors and containers are loaded`);
    expect(error.message).toContain('torch.save(');
    expect(error.cause).toMatchObject({ className });
  }); // prettier-ignore

  test('the error for a StyleGAN pickle says how to convert it', async () => {
    const pickle = new TextEncoder().encode('\x80\x02ctorch_utils.persistence\n_reconstruct_persistent_obj\n.');
    // The first byte of a pickle is not ASCII.
    pickle.copyWithin(1, 2);
    pickle[0] = 0x80;
    await expect(openWeights(pickle)).rejects.toThrow(/torch_utils\.persistence.*NVIDIA.*load_network_pkl/);
  });

  test('the error for TorchScript says how to save its weights', async () => {
    await expect(openWeights(at('script.pt'))).rejects.toThrow(/script\.pt is a TorchScript archive.*torch\.jit\.load/);
  });

  test('a file truncated anywhere is an error, never misread', async () => {
    for (const name of ['types.pth', 'types-legacy.pth', 'arrays.npz']) {
      const bytes = bytesOf(name);
      for (let length = 1; length < bytes.length; length += 97) {
        await expect(openWeights(bytes.subarray(0, length)), `${name}, ${length} bytes`).rejects.toThrow(
          /truncated|corrupt|not a supported weights file/,
        );
      }
    }
  });

  test('a file with flipped bits gives tensors or an error', async () => {
    const bytes = bytesOf('training.pth');
    for (let at = 0; at < bytes.length; at += 3) {
      const changed = bytes.slice();
      changed[at] ^= 0x5a;
      const outcome = await openWeights(changed).then(readAll, (error: unknown) => error).catch((error: unknown) => error);
      expect(outcome instanceof Map || outcome instanceof Error, `byte ${at}`).toBe(true);
    }
  }); // prettier-ignore
});

describe('NumPy', () => {
  test.each(['arrays.npz', 'packed.npz'])(
    '%s has the tensors that PyTorch saved, in any axis and byte order',
    async (name) => {
      const expected = await readAll(await openWeights(at('expected.safetensors')));
      expected.set('big', expected.get('i32'));
      const source = await openWeights(at(name));
      const found = await readAll(source);
      expect(source.format).toBe('.npz');
      expect(found.size).toBe(13);
      for (const [key, values] of found) expect(values, key).toEqual(expected.get(key));
    },
  );

  test('an .npy is one tensor, named after the file', async () => {
    const expected = await openWeights(at('expected.safetensors'));
    const source = await openWeights(at('fortran.npy'));
    expect(await source.read('fortran')).toEqual(await expected.read('permuted'));
    await Promise.all([source.close(), expected.close()]);
  });

  test('the error for an object array says what to do', async () => {
    await expect(openWeights(at('objects.npz'))).rejects.toThrow(/words\.npy has the unsupported type '\|O'.*astype/);
  });
});

describe('the error for an unsupported file says what it is', () => {
  const text = (content: string) => Uint8Array.from(content, (char) => char.charCodeAt(0));
  test.each([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:00', /Git LFS pointer.*git lfs pull/],
    ['<!DOCTYPE html><html>', /web page.*"resolve", not "blob"/],
    ['GGUF\x03\0\0\0', /GGUF/],
    ['\x89HDF\r\n', /HDF5.*numpy\.savez/],
    ['\x1f\x8b\x08\0', /gzip. Decompress it first/],
    ['hello', /not a supported weights file: safetensors, PyTorch/],
    ['{"a": 1}', /JSON, but not an index/],
    ['', /is empty/],
  ])('%j', async (content, message) => {
    await expect(openWeights(text(content))).rejects.toThrow(message);
  });

  test('a ZIP archive of other files', async () => {
    const zip = zipOf([{ path: 'a.txt', bytes: Buffer.from('hello'), isCompressed: true }]);
    await expect(openWeights(zip)).rejects.toThrow(/ZIP archive, but not from.*holds a\.txt/);
  });
});

test('an archive with 64-bit directory fields, as above 4 GiB, is read', async () => {
  const bytes = readFileSync(at('fortran.npy'));
  const zip = zipOf([{ path: 'w.npy', bytes, isCompressed: true }, { path: 'v.npy', bytes }], true);
  const [source, expected] = [await openWeights(zip), await openWeights(at('fortran.npy'))];
  for (const name of ['w', 'v']) expect(await source.read(name)).toEqual(await expected.read('fortran'));
  await expected.close();
}); // prettier-ignore

test('a tensor is read from a file above 2 GiB without reading the rest', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'five-tigers-'));
  try {
    const path = join(folder, 'large.safetensors');
    const elements = 600 * 2 ** 20; // 2.3 GiB
    const entry = (shape: number[], begin: number) => ({
      dtype: 'F32',
      shape,
      data_offsets: [begin, begin + 4 * shape[0]],
    });
    const json = Buffer.from(JSON.stringify({ large: entry([elements], 0), last: entry([2], 4 * elements) }));
    const length = Buffer.alloc(8);
    length.writeUInt32LE(json.length);
    const file = await open(path, 'w');
    await file.write(Buffer.concat([length, json]), 0, null, 0);
    // The gap is sparse and takes no disk space.
    await file.write(new Uint8Array(Float32Array.of(3, 4).buffer), 0, null, 8 + json.length + 4 * elements);
    await file.close();
    const source = await openWeights(path);
    expect(source.entries.get('large')!.shape).toEqual([elements]);
    expect([...(await source.read('last')).data]).toEqual([3, 4]);
    await source.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Builds a ZIP archive by hand, for forms that Python does not write for small files. */
function zipOf(files: readonly { path: string; bytes: Buffer; isCompressed?: boolean }[], isWide = false): Uint8Array {
  const [data, directory]: Buffer[][] = [[], []];
  const lengthOf = (parts: Buffer[]) => parts.reduce((sum, { length }) => sum + length, 0);
  for (const { path, bytes, isCompressed = false } of files) {
    const content = isCompressed ? deflateRawSync(bytes) : bytes;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(path.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(isCompressed ? 8 : 0, 10);
    const numbers = [bytes.length, content.length, lengthOf(data)];
    [24, 20, 42].forEach((offset, i) => entry.writeUInt32LE(isWide ? 0xffffffff : numbers[i], offset));
    entry.writeUInt16LE(path.length, 28);
    const extra = Buffer.alloc(isWide ? 28 : 0);
    if (isWide) {
      entry.writeUInt16LE(extra.length, 30);
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      numbers.forEach((number, i) => extra.writeBigUInt64LE(BigInt(number), 4 + 8 * i));
    }
    directory.push(entry, Buffer.from(path), extra);
    data.push(local, Buffer.from(path), content);
  }
  const [at, size] = [lengthOf(data), lengthOf(directory)];
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(isWide ? 0xffff : files.length, 10);
  end.writeUInt32LE(isWide ? 0xffffffff : size, 12);
  end.writeUInt32LE(isWide ? 0xffffffff : at, 16);
  const wide = Buffer.alloc(isWide ? 76 : 0);
  if (isWide) {
    wide.writeUInt32LE(0x06064b50, 0);
    wide.writeBigUInt64LE(BigInt(files.length), 32);
    wide.writeBigUInt64LE(BigInt(size), 40);
    wide.writeBigUInt64LE(BigInt(at), 48);
    wide.writeUInt32LE(0x07064b50, 56);
    wide.writeBigUInt64LE(BigInt(at + size), 64);
  }
  return new Uint8Array(Buffer.concat([...data, ...directory, wide, end]));
}

const fixtures = realData('checkpoints');
describe.skipIf(!fixtures)('files from other projects (../shared/data/checkpoints)', () => {
  test('every reader fixture opens, and all its tensors are read', async () => {
    const files = readdirSync(join(fixtures!, 'pt-reader-fixtures'));
    expect(files.length).toBe(14);
    for (const file of files) {
      const source = await openWeights(join(fixtures!, 'pt-reader-fixtures', file));
      expect(source.entries.size, file).toBeGreaterThan(0);
      await readAll(source);
    }
  });

  test('a .pt and a .safetensors file of one architecture have the same names, types and shapes', async () => {
    const [torch, safe] = [
      await openWeights(join(fixtures!, 'burn-mnist', 'mnist.pt')),
      await openWeights(join(fixtures!, 'burn-mnist', 'mnist.safetensors')),
    ];
    expect(torch.entries.size).toBe(20);
    for (const [name, { stored, shape }] of torch.entries) {
      expect(safe.entries.get(name), name).toMatchObject({ stored, shape });
    }
    await Promise.all([torch.close(), safe.close()]);
  });

  test("candle's Fortran-order tensor and burn's nested keys are read", async () => {
    const fixture = (file: string) => openWeights(join(fixtures!, 'pt-reader-fixtures', file));
    const fortran = await fixture('candle_fortran_tensor_3d.pth');
    expect((await fortran.read('tensor_fortran')).shape).toEqual([2, 3, 4]);
    const nested = await fixture('nested_dict.pt');
    expect([...nested.entries.keys()].sort()).toEqual(['layer1.bias', 'layer1.weight', 'layer2.bias', 'layer2.weight']);
    await Promise.all([fortran.close(), nested.close()]);
  });
});
