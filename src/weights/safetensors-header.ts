// Reads the JSON header of a safetensors file and refuses every header that does not describe the file exactly.

import type { DType } from '../core/dtype.ts';
import { formatShape } from '../core/shape.ts';
import { findDuplicateKey } from './json-duplicates.ts';

/** Most bytes that a header may have: the limit of the reference implementation (Hugging Face's Rust crate). */
export const MAX_HEADER_BYTES = 100_000_000;

/** The key under which a header holds text about the file; no tensor may have this name. */
export const METADATA_KEY = '__metadata__';

/** How a dtype is called in a file and how many bytes an element takes there (bool: one, unlike in memory). */
export const fileTypes: Readonly<Record<DType, { readonly name: string; readonly bytes: number }>> = {
  f32: { name: 'F32', bytes: 4 },
  f16: { name: 'F16', bytes: 2 },
  i32: { name: 'I32', bytes: 4 },
  u32: { name: 'U32', bytes: 4 },
  bool: { name: 'BOOL', bytes: 1 },
};

/** Types of files that are read as another one. They are never written. */
export type ConvertedType = 'BF16' | 'F64' | 'I64';
const convertedTypes: Readonly<Record<ConvertedType, { readonly dtype: DType; readonly bytes: number }>> = {
  BF16: { dtype: 'f32', bytes: 2 },
  F64: { dtype: 'f32', bytes: 8 },
  I64: { dtype: 'i32', bytes: 8 },
};

/** What a type of a file is read as. */
interface ReadType {
  readonly dtype: DType;
  readonly bytes: number;
  readonly from: ConvertedType | null;
}
const readTypes = new Map<string, ReadType>([
  ...Object.entries(fileTypes).map(
    ([dtype, { name, bytes }]) => [name, { dtype: dtype as DType, bytes, from: null }] as const,
  ),
  ...Object.entries(convertedTypes).map(([name, type]) => [name, { ...type, from: name as ConvertedType }] as const),
]);

/** One tensor of a header; `begin` and `end` count bytes from the start of the file. */
export interface HeaderEntry {
  readonly name: string;
  /** The type that it is read as. */
  readonly dtype: DType;
  /** The type in the file, where values are converted. */
  readonly from: ConvertedType | null;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A checked header: its tensors in the order of their bytes, which lie end to end up to the end of the file. */
export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Record<string, string>;
}

/** An error about a safetensors file, with the format's name in front. */
export const safetensorsError = (message: string, cause?: unknown): Error =>
  new Error(`safetensors: ${message}`, { cause });

/** A tensor's name for an error, cut where it is absurdly long. */
export const quoteName = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

/** Reads and checks the header of a whole safetensors file. @throws an Error that names the tensor at fault. */
export function readHeader(bytes: Uint8Array): Header {
  const { json, dataStart } = headerText(bytes);
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw safetensorsError(`the header is not valid JSON (${(cause as Error).message}).`, cause);
  }
  const duplicate = findDuplicateKey(json);
  if (duplicate !== null) throw safetensorsError(`the header names ${quoteName(duplicate)} twice.`);

  let metadata: Record<string, string> = {};
  const entries: HeaderEntry[] = [];
  // A header is an object, because its first byte is '{'.
  for (const [name, value] of Object.entries(parsed as object)) {
    if (name === METADATA_KEY) metadata = checkMetadata(value);
    else entries.push(checkEntry(name, value, dataStart));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, dataStart, bytes.length);
  return { entries, metadata };
}

function headerText(bytes: Uint8Array): { json: string; dataStart: number } {
  if (bytes.length < 8) {
    throw safetensorsError(
      `the file has ${bytes.length} bytes and a header needs at least 8: it is cut, or no safetensors file.`,
    );
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw safetensorsError(
      `the file claims a header of ${length} bytes, and the limit is ${MAX_HEADER_BYTES}: it is damaged, or no safetensors file.`,
    );
  }
  const dataStart = 8 + length;
  if (dataStart > bytes.length) {
    throw safetensorsError(
      `the header should end at byte ${dataStart}, but the file has ${bytes.length}: it is cut. Fetch or copy it again.`,
    );
  }
  if (bytes[8] !== 0x7b || length === 0) {
    throw safetensorsError(`the header does not start with "{": this is no safetensors file.`);
  }
  try {
    // ignoreBOM keeps a byte order mark in the text, where JSON.parse refuses it.
    const json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, dataStart));
    return { json, dataStart };
  } catch (cause) {
    throw safetensorsError('the header is not valid UTF-8.', cause);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function checkMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw safetensorsError(`${METADATA_KEY} must be an object of strings.`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw safetensorsError(
        `${METADATA_KEY} must map strings to strings, but ${quoteName(key)} is ${describe(text)}.`,
      );
    }
  }
  return value as Record<string, string>;
}

function checkEntry(name: string, value: unknown, dataStart: number): HeaderEntry {
  const fail = (problem: string): never => {
    throw safetensorsError(`tensor ${quoteName(name)} ${problem}`);
  };
  if (!isRecord(value)) return fail(`must be an object with dtype, shape and data_offsets, but is ${describe(value)}.`);
  const { dtype: fileType, shape, data_offsets: offsets } = value;
  if (typeof fileType !== 'string') return fail(`has no dtype.`);
  const type = readTypes.get(fileType);
  if (!type) return fail(unsupported(fileType));
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail(`has the shape ${describe(shape)}; it must be a list of whole numbers from 0 to 2^53 - 1.`);
  }
  let size = type.bytes;
  for (const dim of shape) {
    size *= dim;
    if (!Number.isSafeInteger(size)) return fail(`has the shape ${describe(shape)}, which overflows.`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return fail(`has the data_offsets ${describe(offsets)}; they must be two whole numbers, [begin, end].`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) return fail(`has reversed data_offsets [${begin}, ${end}].`);
  if (end - begin !== size) {
    return fail(
      `claims ${fileType}${formatShape(shape)}, which is ${size} bytes, but its data_offsets span ${end - begin}.`,
    );
  }
  return { name, dtype: type.dtype, from: type.from, shape, begin: dataStart + begin, end: dataStart + end };
}

function checkLayout(entries: readonly HeaderEntry[], dataStart: number, fileEnd: number): void {
  let previous: HeaderEntry | null = null;
  for (const entry of entries) {
    const expected = previous ? previous.end : dataStart;
    if (entry.begin !== expected) {
      const neighbour = previous ? `tensor ${quoteName(previous.name)}` : 'the header';
      const problem = entry.begin < expected ? 'overlaps' : `leaves a hole of ${entry.begin - expected} bytes after`;
      throw safetensorsError(`tensor ${quoteName(entry.name)} ${problem} ${neighbour}.`);
    }
    if (entry.end > fileEnd) {
      throw safetensorsError(
        `tensor ${quoteName(entry.name)} should end at byte ${entry.end}, but the file has ${fileEnd}: it is cut. ` +
          'Fetch or copy it again.',
      );
    }
    previous = entry;
  }
  const dataEnd = previous ? previous.end : dataStart;
  if (dataEnd !== fileEnd) {
    const last = previous ? `the last tensor, ${quoteName(previous.name)}` : 'the header, which names no tensor';
    throw safetensorsError(`${fileEnd - dataEnd} bytes follow ${last}: the file is damaged.`);
  }
}

function unsupported(fileType: string): string {
  const convert = /^(F8_|F6_|F4)/.test(fileType)
    ? 'tensor.float() (F32) or tensor.half() (F16)'
    : /^([IU](8|16)|U64)$/.test(fileType)
      ? 'tensor.int() (I32), or drop it if the model does not use it'
      : null;
  const known = [...readTypes.keys()].join(', ');
  return convert
    ? `has dtype ${fileType}, which cannot be read (${known} can). Convert it with PyTorch's ${convert} and save the file again.`
    : `has dtype ${quoteName(fileType)}, which cannot be read. The dtypes are ${known}.`;
}

/** A JSON value for an error: not all of a long one, and not the depths of a nested one, which may have no end. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (typeof item === 'object' && item !== null ? '…' : describe(item)));
    return `[${items.join(',')}${value.length > 8 ? ',…' : ''}]`;
  }
  if (typeof value === 'string') return quoteName(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
