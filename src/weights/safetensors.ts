// The safetensors format, in which weights and checkpoints are kept and exchanged with PyTorch.

import { allocate, type TensorData, type TypedArray } from '../core/dtype.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import {
  fileTypes,
  MAX_HEADER_BYTES,
  METADATA_KEY,
  quoteName,
  readHeader,
  safetensorsError,
  type ConvertedType,
  type HeaderEntry,
} from './safetensors-header.ts';

/** What a safetensors file holds. */
export interface Safetensors {
  /** The tensors by name, in the order of their bytes in the file. */
  tensors: Map<string, TensorData>;
  /** Free text about the file: the header's `__metadata__`. */
  metadata: Record<string, string>;
}

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors#format). The tensors own their memory.
 * @throws an Error that names the tensor at fault: for a file that is cut or damaged, a header that lies about sizes,
 *   and dtypes other than F32, F16, I32, U32 and BOOL. BF16 and F64 are read as f32, and I64, as PyTorch's counters and class
 *   numbers are, as i32 if they fit.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { entries, metadata } = readHeader(bytes);
  const tensors = new Map<string, TensorData>();
  for (const entry of entries) {
    const { name, dtype, shape } = entry;
    tensors.set(name, { dtype, shape, data: readValues(bytes, entry) });
  }
  return { tensors, metadata };
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
    return fileTypes[q].bytes - fileTypes[p].bytes || (a < b ? -1 : 1);
  });

  // Written by hand: an object would move names such as "0" to the front and lose "__proto__".
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"${METADATA_KEY}":${metadataJson(metadata)}`);
  let offset = 0;
  for (const [name, { dtype, shape }] of ordered) {
    const end = offset + fileTypes[dtype].bytes * sizeOf(shape);
    const entry = { dtype: fileTypes[dtype].name, shape, data_offsets: [offset, end] };
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

const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function readValues(bytes: Uint8Array, entry: HeaderEntry): TypedArray {
  const { name, dtype, shape, begin, end } = entry;
  const source = bytes.subarray(begin, end);
  // A copy, as wide elements may lie at any offset.
  if (entry.from) return convertedValues(name, entry.from, Uint8Array.from(source).buffer);
  const data = allocate(dtype, sizeOf(shape));
  if (dtype !== 'bool') {
    // Byte by byte, because a file may hold floats at any offset. Typed arrays and safetensors are both little-endian.
    bytesOf(data).set(source);
    return data;
  }
  const wrong = source.findIndex((value) => value > 1);
  if (wrong >= 0) {
    throw safetensorsError(
      `tensor ${quoteName(name)} is BOOL, but its element ${wrong} is ${source[wrong]}, not 0 or 1.`,
    );
  }
  data.set(source);
  return data;
}

/** Values of a type that no tensor has, as those of the type that they are read as. */
function convertedValues(name: string, from: ConvertedType, buffer: ArrayBuffer): TypedArray {
  switch (from) {
    case 'BF16':
      // The upper half of an f32.
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer));
    case 'I64':
      return Int32Array.from(new BigInt64Array(buffer), (value, i) => {
        if (BigInt.asIntN(32, value) === value) return Number(value);
        throw safetensorsError(
          `tensor ${quoteName(name)} is I64 and is read as i32, but its element ${i} is ${value}, which i32 cannot hold.`,
        );
      });
  }
}

function checkTensor(name: string, { dtype, shape, data }: TensorData): void {
  if (name === METADATA_KEY) throw safetensorsError(`a tensor cannot be called ${METADATA_KEY}: rename it.`);
  checkText(name);
  const fail = (problem: string): never => {
    throw safetensorsError(`tensor ${quoteName(name)} ${problem}.`);
  };
  if (!Object.hasOwn(fileTypes, dtype)) fail(`has dtype ${dtype}, which cannot be written`);
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
