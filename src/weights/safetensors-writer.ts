// Writes the safetensors format: a header that lists all tensors, then their data without gaps.

import { allocate, type TensorData } from '../core/dtype.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import { MAX_HEADER_BYTES, METADATA_KEY, safetensorsError } from './safetensors-header.ts';
import { storedAs, storedTypes, type StoredType } from './stored-type.ts';
import { quoteName } from './weight-source.ts';

/** A tensor to write. */
export interface TensorPlan {
  readonly name: string;
  readonly stored: StoredType;
  readonly shape: readonly number[];
}

/**
 * Writes a safetensors file. The bytes do not depend on the order of tensors and metadata.
 * @throws an Error that names a tensor whose shape, dtype and data are inconsistent.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  for (const [name, tensor] of tensors) checkTensor(name, tensor);
  const plans = [...tensors].map(([name, { dtype, shape }]) => ({ name, stored: storedAs[dtype], shape }));
  const { header, order, size } = encodeHeader(plans, metadata);
  const bytes = new Uint8Array(size);
  bytes.set(header);
  let at = header.length;
  for (const { name, stored } of order) {
    const values = encodeTensor(name, tensors.get(name)!, stored);
    bytes.set(values, at);
    at += values.length;
  }
  return bytes;
}

/**
 * A file's header, the order in which the tensors must follow, and the total size in bytes.
 * @throws an Error for a name or metadata that the format does not allow.
 */
export function encodeHeader(plans: readonly TensorPlan[], metadata: Readonly<Record<string, string>>) {
  const bytesOf = ({ stored }: TensorPlan) => storedTypes[stored].bytes;
  // Wider elements first, so that each tensor is aligned to its element size.
  const order = [...plans].sort((a, b) => bytesOf(b) - bytesOf(a) || (a.name < b.name ? -1 : 1));

  // Built as text, because an object would move names such as "0" to the front and lose "__proto__".
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"${METADATA_KEY}":${metadataJson(metadata)}`);
  let offset = 0;
  for (const plan of order) {
    checkName(plan.name);
    const end = offset + bytesOf(plan) * sizeOf(plan.shape);
    const entry = { dtype: plan.stored, shape: plan.shape, data_offsets: [offset, end] };
    fields.push(`${JSON.stringify(plan.name)}:${JSON.stringify(entry)}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw safetensorsError(`the header would have ${length} bytes, but the limit is ${MAX_HEADER_BYTES}.`);
  }
  const header = new Uint8Array(8 + length).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return { header, order, size: header.length + offset };
}

/** A tensor's data in the file's encoding: a bool takes one byte, unlike in memory, and an i32 may become an I64. */
export function encodeTensor(name: string, tensor: TensorData, stored: StoredType): Uint8Array<ArrayBuffer> {
  checkTensor(name, tensor);
  const { data, dtype } = tensor;
  if (stored === 'BOOL') return Uint8Array.from(data, (value) => (value ? 1 : 0));
  if (stored === 'I64') return new Uint8Array(BigInt64Array.from(Array.from(data, BigInt)).buffer);
  if (stored !== storedAs[dtype]) throw safetensorsError(`tensor ${quoteName(name)} is ${dtype}, not ${stored}.`);
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

function checkName(name: string): void {
  if (name === METADATA_KEY) throw safetensorsError(`a tensor cannot be named ${METADATA_KEY}: rename it.`);
  checkText(name);
}

function checkTensor(name: string, { dtype, shape, data }: TensorData): void {
  checkName(name);
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

// A lone surrogate has no UTF-8 form, so other readers would reject the file.
function checkText(text: string): void {
  if (/\p{Surrogate}/u.test(text)) throw safetensorsError(`${quoteName(text)} is not well-formed Unicode.`);
}
