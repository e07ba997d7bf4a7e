// The safetensors format, in which weights and checkpoints are kept and exchanged with PyTorch.

import { allocate, type DType, type TensorData, type TypedArray } from '../core/dtype.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import type { ByteSource } from './byte-source.ts';
import {
  MAX_HEADER_BYTES, METADATA_KEY, readHeader, readHeaderOf, safetensorsError, type HeaderEntry,
} from './safetensors-header.ts'; // prettier-ignore
import { convert, storedAs, storedTypes } from './stored-type.ts';
import { entryOf, quoteName, type WeightSource } from './weight-source.ts';

/** What a safetensors file holds. */
export interface Safetensors {
  /** The tensors by name, in the order of their bytes in the file. */
  tensors: Map<string, TensorData>;
  /** Free text about the file: the header's `__metadata__`. */
  metadata: Record<string, string>;
}

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors#format). The tensors own their memory.
 * Types that no tensor has are converted: BF16 and F64 to f32, signed integers (PyTorch's counters and class numbers are
 * I64) to i32 and unsigned ones to u32, if they fit.
 * @throws an Error that names the tensor at fault: for a file that is cut or damaged, a header that lies about sizes,
 *   and types of fewer than 8 bits or F8.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { entries, metadata } = readHeader(bytes);
  const tensors = new Map<string, TensorData>();
  for (const entry of entries) {
    tensors.set(entry.name, tensorOf(bytes.subarray(entry.begin, entry.end), entry, entry.dtype));
  }
  return { tensors, metadata };
}

/** A safetensors file of any size as a source: only the header is read now. @throws the errors of `readSafetensors`. */
export async function safetensorsSource(file: ByteSource): Promise<WeightSource> {
  const header = await readHeaderOf(file).catch((cause: Error) => {
    throw new Error(`${file.name}: ${cause.message}`, { cause });
  });
  const source = {
    name: file.name,
    format: 'safetensors',
    entries: new Map(header.entries.map((entry) => [entry.name, entry])),
    metadata: header.metadata,
    async read(name: string, dtype?: DType, signal?: AbortSignal) {
      const entry = entryOf(source, name);
      const bytes = await file.read(entry.begin, entry.end, signal);
      return tensorOf(bytes, entry, dtype ?? entry.dtype);
    },
    close: async () => file.close?.(),
  };
  return source;
}

function tensorOf(bytes: Uint8Array, { name, stored, shape }: HeaderEntry, dtype: DType): TensorData {
  const fail = (problem: string) => safetensorsError(`tensor ${quoteName(name)} ${problem}`);
  return { dtype, shape, data: convert(bytes, stored, dtype, fail) };
}

/**
 * Writes a safetensors file. The same tensors and metadata give the same bytes, in whatever order they come.
 * @throws an Error that names the tensor whose shape, dtype and data do not belong together.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  for (const [name, tensor] of tensors) checkTensor(name, tensor);
  // Wider elements first, so that each tensor starts at a multiple of its element's size.
  const ordered = [...tensors].sort(([a, { dtype: p }], [b, { dtype: q }]) => {
    return bytesInFile(q) - bytesInFile(p) || (a < b ? -1 : 1);
  });

  // Written by hand: an object would move names such as "0" to the front and lose "__proto__".
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"${METADATA_KEY}":${metadataJson(metadata)}`);
  let offset = 0;
  for (const [name, { dtype, shape }] of ordered) {
    const end = offset + bytesInFile(dtype) * sizeOf(shape);
    const entry = { dtype: storedAs[dtype], shape, data_offsets: [offset, end] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerLength = Math.ceil(json.length / 8) * 8;
  if (headerLength > MAX_HEADER_BYTES) {
    throw safetensorsError(`the header would have ${headerLength} bytes; the limit is ${MAX_HEADER_BYTES}.`);
  }

  const bytes = new Uint8Array(8 + headerLength + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(json, 8);
  let at = 8 + headerLength;
  for (const [, { dtype, data }] of ordered) {
    const values = dtype === 'bool' ? Uint8Array.from(data, (value) => (value ? 1 : 0)) : bytesOf(data);
    bytes.set(values, at);
    at += values.length;
  }
  return bytes;
}

/** Bytes of one element in a file: a bool takes one, unlike in memory. */
const bytesInFile = (dtype: DType): number => storedTypes[storedAs[dtype]].bytes;

const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function checkTensor(name: string, { dtype, shape, data }: TensorData): void {
  if (name === METADATA_KEY) throw safetensorsError(`a tensor cannot be called ${METADATA_KEY}: rename it.`);
  checkText(name);
  const fail = (problem: string): never => {
    throw safetensorsError(`tensor ${quoteName(name)} ${problem}.`);
  };
  if (!Object.hasOwn(storedAs, dtype)) fail(`has dtype ${dtype}, which cannot be written`);
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0))
    fail(`has the impossible shape ${formatShape(shape)}`);
  const wanted = allocate(dtype, 0).constructor;
  if (data.constructor !== wanted) {
    fail(`is ${dtype} and needs a ${wanted.name}, but its data is a ${data.constructor.name}`);
  }
  if (data.length !== sizeOf(shape)) {
    fail(`has shape ${formatShape(shape)}, which is ${sizeOf(shape)} values, but its data has ${data.length}`);
  }
}

function metadataJson(metadata: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([key, text]) => `${textJson(key)}:${textJson(text)}`).join(',')}}`;
}

function textJson(text: string): string {
  if (typeof text !== 'string')
    throw safetensorsError(`metadata must map strings to strings, but holds ${String(text)}.`);
  checkText(text);
  return JSON.stringify(text);
}

// Half a surrogate pair has no UTF-8 form, so other readers would refuse the file.
function checkText(text: string): void {
  if (/\p{Surrogate}/u.test(text)) throw safetensorsError(`${quoteName(text)} is not well-formed Unicode.`);
}
