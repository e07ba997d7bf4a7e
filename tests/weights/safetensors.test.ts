// Safetensors: round trips, files from other writers, and every way in which a file can be invalid.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TensorData } from '../../src/core/dtype.ts';
import { RandomSource } from '../../src/core/random.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { MAX_HEADER_BYTES } from '../../src/weights/safetensors-header.ts';
import { writeSafetensors } from '../../src/weights/safetensors-writer.ts';
import { realData } from '../harness/real-data.ts';

const f32 = (values: number[], shape: number[] = [values.length]): TensorData => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(values),
});

/** A file with this header and `dataBytes` bytes of data. */
function file(header: string | object, dataBytes = 0, claimedLength?: number | bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimedLength ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('types without a dtype of their own are converted', () => {
  /** Reads a tensor `w` of `type` with the bytes of `values`, at an odd offset in the file. */
  function read(type: string, values: ArrayBufferView, shape: number[]): TensorData {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const header = { odd: entry(0, 1, [1], 'BOOL'), w: entry(1, 1 + bytes.length, shape, type) };
    const whole = file(JSON.stringify(header).padEnd(160), 1 + bytes.length);
    whole.set(bytes, whole.length - bytes.length);
    // Node reads files as Buffers, whose slices share memory.
    return readSafetensors(Buffer.from(whole)).tensors.get('w')!;
  }

  test('BF16 to the same f32 values', () => {
    const bits = Uint16Array.of(0x3f80, 0xc049, 0x7f80, 0x8000, 0x0001, 0x7f7f);
    const { dtype, shape, data } = read('BF16', bits, [2, 3]);
    expect([dtype, shape]).toEqual(['f32', [2, 3]]);
    expect([...data]).toEqual([1, -3.140625, Infinity, -0, 2 ** -133, 3.3895313892515355e38]);
  });

  test('F64 to the nearest f32', () => {
    const { dtype, data } = read('F64', Float64Array.of(Math.PI, -0.5, 1e300), [3]);
    expect([dtype, ...data]).toEqual(['f32', Math.fround(Math.PI), -0.5, Infinity]);
  });

  test('I64 to i32; a value outside its range is an error', () => {
    const counter = read('I64', BigInt64Array.of(1234n), []);
    expect(counter).toEqual({ dtype: 'i32', shape: [], data: Int32Array.of(1234) });
    expect([...read('I64', BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n), [2]).data]).toEqual([
      -(2 ** 31),
      2 ** 31 - 1,
    ]);
    expect(() => read('I64', BigInt64Array.of(0n, 2n ** 31n), [2])).toThrow(
      /"w" is I64 .* element 1 is 2147483648, which i32/,
    );
    expect(read('I64', new BigInt64Array(0), [0]).data.length).toBe(0);
  });

  test('small integers and U64 to i32 or u32', () => {
    expect(read('I16', Int16Array.of(-32768, 5), [2])).toEqual({
      dtype: 'i32',
      shape: [2],
      data: Int32Array.of(-32768, 5),
    });
    expect(read('I8', Int8Array.of(-128), [1])).toEqual({ dtype: 'i32', shape: [1], data: Int32Array.of(-128) });
    expect(read('U16', Uint16Array.of(65535), [1])).toEqual({ dtype: 'u32', shape: [1], data: Uint32Array.of(65535) });
    expect(read('U8', Uint8Array.of(7, 255), [2])).toEqual({ dtype: 'u32', shape: [2], data: Uint32Array.of(7, 255) });
    expect([...read('U64', BigUint64Array.of(2n ** 32n - 1n), []).data]).toEqual([2 ** 32 - 1]);
    expect(() => read('U64', BigUint64Array.of(2n ** 32n), [])).toThrow(
      /"w" is U64 .* 4294967296, which u32 cannot represent/,
    );
  });

  test('a shape that contradicts the size is an error', () => {
    expect(() => read('I64', BigInt64Array.of(1n), [2])).toThrow(/claims I64\[2\], which is 16 bytes, but .* span 8/);
  });
});

describe('round trip', () => {
  const tensors = new Map<string, TensorData>([
    ['half', { dtype: 'f16', shape: [3], data: Uint16Array.of(0x3c00, 0xfc00, 0x7e01) }],
    ['mask', { dtype: 'bool', shape: [5], data: Uint32Array.of(1, 0, 0, 1, 1) }],
    ['weight', f32([1.5, -0, Infinity, 1e-45, 3, 4], [2, 3])],
    ['step', { dtype: 'u32', shape: [], data: Uint32Array.of(4294967295) }],
    ['index', { dtype: 'i32', shape: [1, 2], data: Int32Array.of(-2147483648, 7) }],
    ['empty', f32([], [0, 4])],
    ['10', f32([10])],
    ['9', f32([9])],
    ['__proto__', f32([1])],
    ['constructor', f32([2])],
    ['图层.weight "quoted"\n', f32([3])],
  ]);
  const metadata = { format: 'pt', __note: 'näme', '2': 'two' };

  test('preserves every dtype, shape, bit and name', () => {
    const read = readSafetensors(writeSafetensors(tensors, metadata));
    expect(read.metadata).toEqual(metadata);
    expect([...read.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, tensor] of tensors) expect(read.tensors.get(name), name).toEqual(tensor);
    expect(Object.is(read.tensors.get('weight')!.data[1], -0)).toBe(true);
  });

  test('does not touch prototypes', () => {
    readSafetensors(writeSafetensors(tensors, JSON.parse('{"__proto__":"polluted"}')));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    const { metadata: read } = readSafetensors(writeSafetensors(new Map(), JSON.parse('{"__proto__":"text"}')));
    expect(Object.entries(read)).toEqual([['__proto__', 'text']]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });

  test('gives the same bytes for any order of tensors', () => {
    const reversed = new Map([...tensors].reverse());
    const turned = Object.fromEntries(Object.entries(metadata).reverse());
    expect(writeSafetensors(reversed, turned)).toEqual(writeSafetensors(tensors, metadata));
  });

  test('pads the header with spaces to 8 bytes and aligns tensors', () => {
    const bytes = writeSafetensors(tensors, metadata);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header.half.data_offsets[0] % 2).toBe(0);
    for (const name of ['weight', 'step', 'index', '10']) expect(header[name].data_offsets[0] % 4, name).toBe(0);
    const short = writeSafetensors(new Map([['a', f32([1])]]));
    expect(short[8 + Number(new DataView(short.buffer).getBigUint64(0, true)) - 1]).toBe(0x20);
  });

  test('works without any tensors', () => {
    expect(readSafetensors(writeSafetensors(new Map()))).toEqual({ tensors: new Map(), metadata: {} });
  });

  test('writes a view of a larger array, not the array', () => {
    const data = Float32Array.of(0, 1, 2, 3).subarray(1, 3);
    const { tensors: read } = readSafetensors(writeSafetensors(new Map([['a', { dtype: 'f32', shape: [2], data }]])));
    expect([...read.get('a')!.data]).toEqual([1, 2]);
  });

  test('reads tensors at odd offsets, and the tensors own their memory', () => {
    const bytes = file({ b: entry(0, 1, [1], 'BOOL'), a: entry(1, 9) }, 9);
    const dataStart = bytes.length - 9;
    bytes[dataStart] = 1;
    new DataView(bytes.buffer).setFloat32(dataStart + 1, 2.5, true);
    const shifted = new Uint8Array(bytes.length + 1).subarray(1);
    shifted.set(bytes);
    for (const source of [bytes, shifted, Buffer.from(bytes)]) {
      const { tensors: read } = readSafetensors(source);
      expect([...read.get('a')!.data]).toEqual([2.5, 0]);
      expect([...read.get('b')!.data]).toEqual([1]);
      source.fill(255, dataStart);
      expect(read.get('a')!.data[0]).toBe(2.5);
    }
  });
});

describe('writing rejects', () => {
  const write =
    (tensor: unknown, name = 'w') =>
    () =>
      writeSafetensors(new Map([[name, tensor as TensorData]]));

  test.each([
    ['a shape that the data does not fill', { ...f32([1, 2]), shape: [3] }, /"w".*\[3\].*3 values.*has 2/],
    [
      'an array of the wrong type',
      { dtype: 'f16', shape: [1], data: Float32Array.of(1) },
      /"w" is f16 .*Uint16Array.*Float32Array/,
    ],
    ['an unknown dtype', { dtype: 'u8', shape: [1], data: Uint8Array.of(1) }, /"w" has dtype u8/],
    ['a dtype from a prototype', { dtype: 'toString', shape: [1], data: Uint8Array.of(1) }, /"w" has dtype toString/],
    ['a negative dim', { ...f32([1, 2]), shape: [-1, -2] }, /"w" has the impossible shape \[-1, -2\]/],
  ])('%s', (_, tensor, message) => {
    expect(write(tensor)).toThrow(message);
  });

  test('names and metadata that other readers would reject', () => {
    expect(write(f32([1]), '__metadata__')).toThrow(/cannot be named __metadata__/);
    expect(write(f32([1]), 'half \ud800 pair')).toThrow(/not well-formed/);
    expect(() => writeSafetensors(new Map(), { epoch: 3 } as never)).toThrow(/strings to strings.*3/);
  });
});

describe('reading rejects', () => {
  const good = writeSafetensors(new Map([['conv.weight', f32([1, 2, 3, 4])]]), { format: 'pt' });

  test('a file truncated at any byte', () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => readSafetensors(good.subarray(0, length)), `${length} bytes`).toThrow(/^safetensors: .*truncated/);
    }
    expect(() => readSafetensors(good.subarray(0, good.length - 1))).toThrow(
      `tensor "conv.weight" should end at byte ${good.length}, but the file has ${good.length - 1}`,
    );
  });

  test('bytes after the last tensor', () => {
    const longer = new Uint8Array(good.length + 3);
    longer.set(good);
    expect(() => readSafetensors(longer)).toThrow('3 bytes follow the last tensor, "conv.weight"');
    expect(() => readSafetensors(file('{}', 5))).toThrow('5 bytes follow the header');
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['a header beyond the file', file('{}', 0, 3), /header should end at byte 11, but the file has 10/],
    ['a giant header', file('{}', 0, MAX_HEADER_BYTES + 1), /claims a header of 100000001 bytes/],
    ['a header length past 2^53', file('{}', 0, 2n ** 64n - 1n), /claims a header of 1844674407370955\d+ bytes/],
    ['an empty header', file('', 4), /does not start with "\{"/],
    ['a list as header', file('[]'), /does not start with "\{"/],
    ['a byte order mark', file('\ufeff{}'), /does not start with "\{"/],
    ['bad JSON', file('{"a":}'), /not valid JSON/],
    ['JSON with trailing text', file('{}x'), /not valid JSON/],
    ['invalid UTF-8', Uint8Array.of(...file('{"a"', 0, 6), 0xff, 0x7d), /not valid UTF-8/],
  ])('%s', (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(message);
  });

  test.each<[string, string, RegExp]>([
    ['tensor', '{"a":1,"b":2,"a":3}', /names "a" twice/],
    ['tensor, once escaped', '{"a":{},"\\u0061":{}}', /names "a" twice/],
    ['field', '{"a":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,2]}}', /names "dtype" twice/],
    ['metadata key', '{"__metadata__":{"k":"\\"{:","k":""}}', /names "k" twice/],
  ])('a %s named twice', (_, header, message) => {
    expect(() => readSafetensors(file(header, 4))).toThrow(message);
  });

  test('duplicate keys only within one object', () => {
    const bytes = file({ dtype: entry(0, 4), shape: entry(4, 8), __metadata__: { dtype: 'a "quoted": {dtype}' } }, 8);
    expect([...readSafetensors(bytes).tensors.keys()]).toEqual(['dtype', 'shape']);
  });

  const layouts: [string, Record<string, unknown>, number, RegExp][] = [
    ['reversed offsets', { w: { ...entry(0, 4), data_offsets: [8, 4] } }, 8, /"w" has reversed data_offsets \[8, 4\]/],
    ['an end beyond the file', { w: entry(0, 8) }, 4, /"w" should end at byte \d+, but the file has/],
    ['an overlap', { a: entry(0, 8), b: entry(4, 12) }, 12, /"b" overlaps tensor "a"/],
    ['two tensors in one place', { a: entry(0, 8), b: entry(0, 8) }, 8, /"b" overlaps tensor "a"/],
    ['a hole', { a: entry(0, 4), b: entry(8, 12) }, 12, /"b" leaves a hole of 4 bytes after tensor "a"/],
    ['a hole at the start', { a: entry(4, 8) }, 8, /"a" leaves a hole of 4 bytes after the header/],
    [
      'a shape that contradicts the size',
      { w: entry(0, 8, [3]) },
      8,
      /"w" claims F32\[3\], which is 12 bytes, but .* span 8/,
    ],
    ['a dtype that contradicts the size', { w: entry(0, 8, [2], 'F16') }, 8, /"w" claims F16\[2\], which is 4 bytes/],
    ['a 0-d tensor of two values', { w: entry(0, 8, []) }, 8, /"w" claims F32\[\], which is 4 bytes/],
    ['a negative dim', { w: entry(0, 4, [-1, -1]) }, 4, /"w" has the shape \[-1,-1\]/],
    ['a fractional dim', { w: entry(0, 4, [0.5, 2]) }, 4, /"w" has the shape \[0.5,2\]/],
    ['a dim past 2^53', { w: entry(0, 4, [2 ** 53]) }, 4, /"w" has the shape \[9007199254740992\]/],
    ['a shape that overflows', { w: entry(0, 0, [2 ** 32, 2 ** 32]) }, 0, /"w" has the shape .*overflows/],
    ['a shape that wraps to zero', { w: entry(0, 0, [2 ** 52, 2 ** 12]) }, 0, /"w" has the shape .*overflows/],
    ['a shape that is not a list', { w: entry(0, 4, '1') }, 4, /"w" has the shape "1"/],
    ['no shape', { w: { dtype: 'F32', data_offsets: [0, 4] } }, 4, /"w" has the shape missing/],
    ['no dtype', { w: { shape: [1], data_offsets: [0, 4] } }, 4, /"w" has no dtype/],
    ['one offset', { w: { ...entry(0, 4), data_offsets: [4] } }, 4, /"w" has the data_offsets \[4\]/],
    ['negative offsets', { w: { ...entry(0, 4), data_offsets: [-4, 0] } }, 4, /"w" has the data_offsets \[-4,0\]/],
    ['fractional offsets', { w: { ...entry(0, 4), data_offsets: [0.5, 4.5] } }, 5, /"w" has the data_offsets/],
    ['offsets as text', { w: { ...entry(0, 4), data_offsets: ['0', '4'] } }, 4, /"w" has the data_offsets/],
    ['an entry that is not an object', { w: [0, 4] }, 4, /"w" must be an object/],
    ['a null entry', { w: null }, 4, /"w" must be an object/],
    ['metadata with a number', { __metadata__: { epoch: 3 } }, 0, /__metadata__ .*"epoch" is 3/],
    ['metadata that is a list', { __metadata__: [] }, 0, /__metadata__ must be an object/],
  ];
  test.each(layouts)('%s', (_, header, dataBytes, message) => {
    expect(() => readSafetensors(file(header, dataBytes))).toThrow(message);
  });

  test.each([
    ['F8_E4M3', /"w" has the unsupported dtype F8_E4M3.*tensor\.float\(\)/],
    ['Q4_K', /"w" has the unknown dtype "Q4_K" \(supported: F64, F32, F16, BF16, I64, .*, U8, BOOL\)\./],
    ['__proto__', /"w" has the unknown dtype "__proto__"/],
  ])('dtype %s', (dtype, message) => {
    expect(() => readSafetensors(file({ w: entry(0, 8, [1], dtype) }, 8))).toThrow(message);
  });

  test('BOOL bytes other than 0 and 1', () => {
    const bytes = file({ mask: entry(0, 3, [3], 'BOOL') }, 3);
    bytes[bytes.length - 2] = 7;
    expect(() => readSafetensors(bytes)).toThrow(/"mask" is BOOL, but its element 1 is 7/);
  });

  test.each([
    ['lists', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)],
  ])('%s nested 100,000 deep', (_, shape) => {
    const header = `{"w":{"dtype":"F32","shape":${shape},"data_offsets":[0,0]}}`;
    expect(() => readSafetensors(file(header))).toThrow(/^safetensors: tensor "w" has the shape (\[…\]|an object)/);
  });

  test('a header with random changes only with its own errors', () => {
    const random = new RandomSource(3);
    let refused = 0;
    for (let i = 0; i < 5000; i++) {
      const bytes = good.slice();
      for (let k = random.integer(3); k >= 0; k--) {
        bytes[random.integer(bytes.length)] = random.integer(4) ? 0x30 + random.integer(10) : random.integer(256);
      }
      try {
        readSafetensors(bytes);
      } catch (error) {
        expect((error as Error).message).toMatch(/^safetensors: /);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2500);
  });

  test('a very long name with a short message', () => {
    const bytes = file({ ['x'.repeat(100_000)]: null });
    expect(() => readSafetensors(bytes)).toThrow(/"x+…" must be an object/);
    try {
      readSafetensors(bytes);
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(400);
    }
  });
});

const fixtures = realData('checkpoints');
describe.skipIf(!fixtures)('files from other programs', () => {
  const read = (...path: string[]) => readSafetensors(readFileSync(join(fixtures!, ...path)));

  test('small files of every rank are read', () => {
    const folder = 'safetensors-fixtures';
    const names = ['tensor-1d-int32', 'tensor-3d-float32', 'tensor-4d-float32'];
    const shapes = names.map((name) => read(folder, `${name}.safetensors`).tensors.get('embedding')!.shape);
    expect(shapes).toEqual([[3], [2, 2, 3], [2, 3, 1, 3]]);
    expect(read(folder, 'tensor-2d-float64.safetensors').tensors.get('embedding')!.dtype).toBe('f32');
  });

  test("a PyTorch model with batch norm's I64 counter is read", () => {
    const counter = read('burn-mnist', 'mnist.safetensors').tensors.get('norm1.num_batches_tracked')!;
    expect([counter.dtype, counter.shape]).toEqual(['i32', []]);
    expect(counter.data[0]).toBeGreaterThanOrEqual(0);
  });
});
