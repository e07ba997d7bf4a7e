// NumPy files: .npy, one array, and .npz, a ZIP archive of arrays (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

import type { DType } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import type { ByteSource } from './byte-source.ts';
import { convert, storedTypes, swapBytes, type StoredType } from './stored-type.ts';
import { entryOf, quoteName, type WeightEntry, type WeightSource } from './weight-source.ts';
import { readZipEntry, type ZipEntry } from './zip.ts';

const types: Readonly<Record<string, StoredType>> = {
  f2: 'F16', f4: 'F32', f8: 'F64', i1: 'I8', i2: 'I16', i4: 'I32', i8: 'I64', u1: 'U8', u2: 'U16', u4: 'U32', u8: 'U64', b1: 'BOOL',
}; // prettier-ignore

/** Reads bytes `begin` to `end` of an array's file. */
type Read = (begin: number, end: number, signal?: AbortSignal) => Promise<Uint8Array>;

/** An array, as described by its header. */
interface NumpyEntry extends WeightEntry {
  /** Whether the first axis varies fastest. */
  readonly isFortran: boolean;
  readonly isBigEndian: boolean;
  readonly dataAt: number;
  readonly readBytes: Read;
}

/** Whether these are the first bytes of a `.npy` file. */
export const startsAsNpy = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x93 && new TextDecoder().decode(bytes.subarray(1, 6)) === 'NUMPY';

/** A `.npy` file: one tensor, named after the file without its extension. @throws an Error for an unsupported type. */
export async function npySource(file: ByteSource): Promise<WeightSource> {
  const name = /([^/\\]*?)(\.npy)?$/.exec(file.name)![1] || 'array';
  const read: Read = (begin, end, signal) => file.read(begin, end, signal);
  return sourceOf(file, '.npy', new Map([[name, await readNpyHeader(`${file.name}`, read, file.size)]]));
}

/** An `.npz` file. @throws an Error that names the array with an unsupported type. */
export async function npzSource(file: ByteSource, entries: ReadonlyMap<string, ZipEntry>): Promise<WeightSource> {
  const arrays = new Map<string, NumpyEntry>();
  for (const [path, entry] of entries) {
    const read: Read = (begin, end, signal) => readZipEntry(file, entry, begin, end, signal);
    arrays.set(path.replace(/\.npy$/, ''), await readNpyHeader(`${file.name}: ${path}`, read, entry.size));
  }
  return sourceOf(file, '.npz', arrays);
}

async function readNpyHeader(name: string, read: Read, size: number): Promise<NumpyEntry> {
  const cut = () => new Error(`${name} is truncated: it has ${size} bytes. Download or copy it again.`);
  if (size < 12) throw cut();
  const start = await read(0, 12);
  if (!startsAsNpy(start)) throw new Error(`${name} is not a NumPy array.`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const isWide = view.getUint8(6) >= 2;
  const headerAt = isWide ? 12 : 10;
  const dataAt = headerAt + (isWide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (dataAt > size) throw cut();
  const header = new TextDecoder().decode(await read(headerAt, dataAt));
  const descr = /'descr'\s*:\s*'([<>|=])?(\w+)'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const dims = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header);
  if (!descr || !order || !dims || !Object.hasOwn(types, descr[2])) {
    const shown = /'descr'\s*:\s*(.*?)\s*,\s*'(fortran_order|shape)'/.exec(header)?.[1] ?? quoteName(header.trim());
    throw new Error(
      `${name} has the unsupported type ${shown} (supported: ${Object.keys(types).join(', ')}). ` +
        'Convert it in Python with array.astype(numpy.float32), or leave it out of the file.',
    );
  }
  const shape = dims[1].split(',').flatMap((dim) => (dim.trim() ? [Number(dim)] : []));
  const stored = types[descr[2]];
  const wanted = dataAt + sizeOf(shape) * storedTypes[stored].bytes;
  if (wanted !== size) {
    throw new Error(
      `${name} should have ${wanted} bytes, but has ${size}: it is truncated or corrupt. Download or copy it again.`,
    );
  }
  const layout = { isFortran: order[1] === 'True', isBigEndian: descr[1] === '>' };
  return { stored, dtype: storedTypes[stored].dtype, shape, ...layout, dataAt, readBytes: read };
}

function sourceOf(file: ByteSource, format: string, entries: ReadonlyMap<string, NumpyEntry>): WeightSource {
  const source = {
    name: file.name,
    format,
    entries,
    metadata: {},
    async read(name: string, dtype?: DType, signal?: AbortSignal) {
      const { stored, shape, dtype: own, isFortran, isBigEndian, dataAt, readBytes } = entryOf(source, name);
      const width = storedTypes[stored].bytes;
      const count = sizeOf(shape);
      const raw = await readBytes(dataAt, dataAt + count * width, signal);
      const ordered = isFortran ? rowMajor(raw, width, shape) : raw;
      const fail = (problem: string) => new Error(`${file.name}: array ${quoteName(name)} ${problem}`);
      const bytes = isBigEndian ? swapBytes(ordered, width) : ordered;
      return { dtype: dtype ?? own, shape, data: convert(bytes, stored, dtype ?? own, fail) };
    },
    close: async () => file.close?.(),
  };
  return source;
}

/** Converts column-major bytes to row-major. */
function rowMajor(bytes: Uint8Array, width: number, shape: readonly number[]): Uint8Array {
  const result = new Uint8Array(bytes.length);
  const index = shape.map(() => 0);
  // Column-major strides: the first axis has stride 1.
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  for (let at = 0, from = 0; at < bytes.length; at += width) {
    for (let i = 0; i < width; i++) result[at + i] = bytes[from * width + i];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}
